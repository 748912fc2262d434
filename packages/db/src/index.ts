export { backsUpBeforeDeploy } from './config.ts';
export { rehearseAndRefuse, rehearseStep } from './deploy/rehearse.ts';
export { type DeployPlan, deploySteps, planDeploy } from './deploy/steps.ts';
export { contentFlags, contentOf, type OnBackup } from './rehearsal/content.ts';
export { type Rehearsal, readState, rehearse } from './rehearsal/rehearse.ts';
export { incompatibleWith } from './rollback/incompatible.ts';
export { planRollback, type RollbackPlan } from './rollback/plan.ts';
export { rollbackSteps } from './rollback/steps.ts';
export { type Target, targetOf } from './target.ts';
