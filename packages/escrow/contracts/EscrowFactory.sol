// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {MilestoneEscrow} from "./MilestoneEscrow.sol";

/// @title One escrow per job.
/// @notice Deploys and funds an escrow as a CREATE2 clone whose salt is keccak256 of the job's id, so that its address is
/// known beforehand and a second escrow for a job cannot exist, whoever tries again.
contract EscrowFactory is AccessControl, Pausable {
    /// @notice May create escrows and release milestones for the platform.
    bytes32 public constant OPERATOR_ROLE = keccak256("OPERATOR_ROLE");

    /// @notice The code that every escrow is a clone of.
    address public immutable implementation;

    event EscrowCreated(
        bytes32 indexed jobKey, address indexed escrow, address indexed client, address freelancer, uint256 total, string jobId
    );

    error NoMilestones();
    error WrongFunding(uint256 sent, uint256 needed);
    error EscrowExists(address escrow);

    constructor(address admin) {
        implementation = address(new MilestoneEscrow());
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
        _grantRole(OPERATOR_ROLE, admin);
    }

    /// @notice The salt of a job: keccak256 of its id in UTF-8.
    function keyOf(string calldata jobId) public pure returns (bytes32) {
        return keccak256(bytes(jobId));
    }

    /// @notice Where the escrow of a job is, or will be.
    function predict(string calldata jobId) public view returns (address) {
        return Clones.predictDeterministicAddress(implementation, keyOf(jobId), address(this));
    }

    /// @notice Creates and funds the escrow of a job. The value sent must be the sum of the milestones.
    function createEscrow(string calldata jobId, address client, address freelancer, uint256[] calldata milestones)
        external
        payable
        onlyRole(OPERATOR_ROLE)
        whenNotPaused
        returns (address escrow)
    {
        if (milestones.length == 0) revert NoMilestones();
        uint256 total = 0;
        for (uint256 i = 0; i < milestones.length; i++) {
            total += milestones[i];
        }
        if (msg.value != total) revert WrongFunding(msg.value, total);
        bytes32 jobKey = keyOf(jobId);
        escrow = predict(jobId);
        if (escrow.code.length != 0) revert EscrowExists(escrow);
        Clones.cloneDeterministic(implementation, jobKey);
        MilestoneEscrow(payable(escrow)).initialize{value: total}(address(this), client, freelancer, milestones);
        emit EscrowCreated(jobKey, escrow, client, freelancer, total, jobId);
    }

    /// @notice Stops new escrows; those that exist go on.
    function pause() external onlyRole(DEFAULT_ADMIN_ROLE) {
        _pause();
    }

    function unpause() external onlyRole(DEFAULT_ADMIN_ROLE) {
        _unpause();
    }
}
