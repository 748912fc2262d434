export { type DeployPlan, deploySteps, planDeploy, rehearseStep } from './deploy/steps.ts';
export { type Rehearsal, readState, rehearse } from './rehearsal/rehearse.ts';
export { type Target, targetOf } from './target.ts';
