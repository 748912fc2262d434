// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessControlDefaultAdminRules} from
    "@openzeppelin/contracts/access/extensions/AccessControlDefaultAdminRules.sol";
import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {MilestoneEscrow} from "./MilestoneEscrow.sol";

/// @title One escrow per job.
/// @notice Deploys and funds an escrow as a CREATE2 clone whose salt is keccak256 of the job's id, so that its address is
/// known beforehand and a second escrow for a job cannot exist, whoever tries again. There is one admin, who goes over to another in two
/// steps: begun by the old one, accepted by the new one once the delay is over.
contract EscrowFactory is AccessControlDefaultAdminRules, Pausable {
    /// @notice May create escrows and release milestones for the platform.
    bytes32 public constant OPERATOR_ROLE = keccak256("OPERATOR_ROLE");
    /// @notice May stop new escrows and let them go on.
    bytes32 public constant PAUSER_ROLE = keccak256("PAUSER_ROLE");

    /// @notice The code that every escrow is a clone of.
    address public immutable implementation;

    /// @notice An escrow was made and funded.
    /// @param jobKey keccak256 of the job's id.
    /// @param escrow Its address.
    /// @param client Gave the money.
    /// @param freelancer Is to be paid.
    /// @param total Sum of the milestones, in wei.
    /// @param jobId The job's id.
    event EscrowCreated(
        bytes32 indexed jobKey, address indexed escrow, address indexed client, address freelancer, uint256 total, string jobId
    );
    /// @notice What was forced into the factory, which holds nothing of anybody's, went out.
    /// @param to Who got it.
    /// @param amount In wei.
    event Recovered(address indexed to, uint256 amount);

    /// @notice An escrow needs a milestone at least.
    error NoMilestones();
    /// @notice The value sent is not the sum of the milestones.
    /// @param sent In wei.
    /// @param needed In wei.
    error WrongFunding(uint256 sent, uint256 needed);
    /// @notice The job has its escrow.
    /// @param escrow Its address.
    error EscrowExists(address escrow);
    /// @notice The factory holds nothing.
    error NothingToRecover();
    /// @notice The recipient refused the payment.
    error PaymentFailed();

    /// @notice Everything may be done by the admin at first, who gives the other roles away.
    /// @param admin Has every role.
    /// @param adminDelay Seconds between the two steps in which the admin role goes over.
    constructor(address admin, uint48 adminDelay) AccessControlDefaultAdminRules(adminDelay, admin) {
        implementation = address(new MilestoneEscrow());
        _grantRole(OPERATOR_ROLE, admin);
        _grantRole(PAUSER_ROLE, admin);
    }

    /// @notice The salt of a job.
    /// @param jobId The job's id.
    /// @return keccak256 of the id in UTF-8.
    function keyOf(string calldata jobId) public pure returns (bytes32) {
        return keccak256(bytes(jobId));
    }

    /// @notice Where the escrow of a job is, or will be.
    /// @param jobId The job's id.
    /// @return Its address.
    function predict(string calldata jobId) public view returns (address) {
        return Clones.predictDeterministicAddress(implementation, keyOf(jobId), address(this));
    }

    /// @notice Creates and funds the escrow of a job. The value sent must be the sum of the milestones.
    /// @param jobId The job's id.
    /// @param client Gives the money, and gets back what is not released.
    /// @param freelancer Is paid.
    /// @param milestones Wei per milestone, in order.
    /// @return escrow Its address.
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
    function pause() external onlyRole(PAUSER_ROLE) {
        _pause();
    }

    /// @notice Lets new escrows be made again.
    function unpause() external onlyRole(PAUSER_ROLE) {
        _unpause();
    }

    /// @notice Sends out what was forced into the factory. By the admin.
    /// @param to Gets it.
    function recover(address to) external onlyRole(DEFAULT_ADMIN_ROLE) {
        uint256 amount = address(this).balance;
        if (amount == 0) revert NothingToRecover();
        emit Recovered(to, amount);
        (bool paid,) = to.call{value: amount}("");
        if (!paid) revert PaymentFailed();
    }
}
