// Uses HAProxy and runit: what every driver must do, asked of the local one, with two instances of a version.
import { driverContract } from './driver-contract.ts';
import { makeLocalBed } from './local-bed.ts';

driverContract('local', () => makeLocalBed({ local: { instances: 2 } }));
