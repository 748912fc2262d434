// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";

/// @title The money of one job, paid out milestone by milestone.
/// @notice Every wei that comes in goes out once: to the freelancer by `release`, or back to the client by `rollback`.
/// Whoever cannot be paid (a contract that refuses) is credited instead and fetches it with `withdraw`: a recipient can
/// never block a release or a rollback.
contract MilestoneEscrow is Initializable, ReentrancyGuard {
    bytes32 private constant ADMIN_ROLE = 0x00;
    bytes32 private constant OPERATOR_ROLE = keccak256("OPERATOR_ROLE");

    /// @notice Keeps the roles.
    IAccessControl public factory;
    address public client;
    address public freelancer;
    /// @notice Sum of the milestones not paid yet.
    uint256 public unreleased;
    /// @notice Final: nothing is paid out afterwards.
    bool public rolledBack;

    uint256[] private _milestones;
    mapping(uint256 index => bool) public released;
    mapping(address account => uint256) public credit;

    event Funded(address indexed client, address indexed freelancer, uint256 total);
    event MilestoneReleased(uint256 indexed index, address indexed freelancer, uint256 amount);
    event RolledBack(address indexed by, address indexed client, uint256 amount);
    event Credited(address indexed account, uint256 amount);
    event Withdrawn(address indexed account, uint256 amount);

    error NotAllowed(address caller);
    error ZeroAddress();
    error UnknownMilestone(uint256 index);
    error AlreadyReleased(uint256 index);
    error AlreadyRolledBack();
    error NothingToWithdraw();
    error PaymentFailed();

    constructor() {
        _disableInitializers();
    }

    function initialize(address factory_, address client_, address freelancer_, uint256[] calldata milestones_)
        external
        payable
        initializer
    {
        if (client_ == address(0) || freelancer_ == address(0)) revert ZeroAddress();
        factory = IAccessControl(factory_);
        client = client_;
        freelancer = freelancer_;
        _milestones = milestones_;
        unreleased = msg.value;
        emit Funded(client_, freelancer_, msg.value);
    }

    function milestones() external view returns (uint256[] memory) {
        return _milestones;
    }

    /// @notice Pays one milestone. By the client, or by the platform for them.
    function release(uint256 index) external nonReentrant {
        if (msg.sender != client && !factory.hasRole(OPERATOR_ROLE, msg.sender)) revert NotAllowed(msg.sender);
        if (rolledBack) revert AlreadyRolledBack();
        if (index >= _milestones.length) revert UnknownMilestone(index);
        if (released[index]) revert AlreadyReleased(index);
        uint256 amount = _milestones[index];
        released[index] = true;
        unreleased -= amount;
        emit MilestoneReleased(index, freelancer, amount);
        _pay(freelancer, amount);
    }

    /// @notice Returns exactly what is unreleased to the client, once and for good. By an admin of the factory.
    function rollback() external nonReentrant {
        if (!factory.hasRole(ADMIN_ROLE, msg.sender)) revert NotAllowed(msg.sender);
        if (rolledBack) revert AlreadyRolledBack();
        uint256 amount = unreleased;
        rolledBack = true;
        unreleased = 0;
        emit RolledBack(msg.sender, client, amount);
        _pay(client, amount);
    }

    /// @notice Fetches what could not be paid.
    function withdraw() external nonReentrant {
        uint256 amount = credit[msg.sender];
        if (amount == 0) revert NothingToWithdraw();
        credit[msg.sender] = 0;
        emit Withdrawn(msg.sender, amount);
        (bool paid,) = msg.sender.call{value: amount}("");
        if (!paid) revert PaymentFailed();
    }

    function _pay(address to, uint256 amount) private {
        if (amount == 0) return;
        // Bounded gas: a recipient that burns it all must not make the release itself run out.
        (bool paid,) = to.call{value: amount, gas: 100_000}("");
        if (paid) return;
        credit[to] += amount;
        emit Credited(to, amount);
    }
}
