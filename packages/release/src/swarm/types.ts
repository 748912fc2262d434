// What is read of the engine's answers (Docker Engine API, "Service", "Task", "Node"), in its own words.

export interface Service {
  ID: string;
  Version: { Index: number };
  Spec: ServiceSpec;
  UpdateStatus?: { State?: string; Message?: string };
}

export interface ServiceSpec {
  Name: string;
  Labels: Record<string, string>;
  TaskTemplate: {
    ContainerSpec: {
      Image: string;
      Command?: string[];
      Labels: Record<string, string>;
      Env: string[];
      StopGracePeriod?: number;
      Init?: boolean;
    };
    RestartPolicy: { Condition: 'any' | 'none'; Delay?: number };
    Placement: { MaxReplicas?: number; Constraints?: string[] | null };
    Networks: { Target: string }[];
    ForceUpdate: number;
  };
  Mode: { Replicated: { Replicas: number } } | { ReplicatedJob: { MaxConcurrent: number; TotalCompletions: number } };
  UpdateConfig?: {
    Parallelism: number;
    Order: 'stop-first';
    FailureAction: 'pause';
    Monitor: number;
  };
}

export interface Task {
  ID: string;
  Slot: number;
  NodeID?: string;
  CreatedAt: string;
  /** What the manager wants of it. */
  DesiredState: string;
  Status: { State: string; Err?: string; Timestamp: string; ContainerStatus?: { ExitCode?: number } };
  Spec: { ContainerSpec: { Image: string; Labels?: Record<string, string>; Env?: string[] }; ForceUpdate?: number };
}

export interface Node {
  ID: string;
  Spec: { Availability: 'active' | 'pause' | 'drain'; Labels?: Record<string, string> };
  Description: { Hostname: string };
  Status: { State: string; Addr?: string };
  ManagerStatus?: { Addr?: string };
}
