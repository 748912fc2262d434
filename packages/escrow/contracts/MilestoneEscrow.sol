// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";

/// @title The money of one job, paid out milestone by milestone.
/// @notice Every wei that comes in goes out once: to the freelancer by `release`, or back to the client by `rollback`; what came in
/// beside the job's money goes to the client by `recover`. Whoever cannot be paid (a contract that refuses) is credited instead and
/// fetches it with `withdraw`, or has it sent elsewhere with `withdrawTo`: a recipient can never block a release or a rollback.
contract MilestoneEscrow is Initializable, ReentrancyGuard {
    bytes32 private constant ADMIN_ROLE = 0x00;
    bytes32 private constant OPERATOR_ROLE = keccak256("OPERATOR_ROLE");

    /// @notice Made this escrow, and keeps the roles.
    IAccessControl public factory;
    /// @notice Gave the money, may release it, and gets back what is not released.
    address public client;
    /// @notice Is paid milestone by milestone.
    address public freelancer;
    /// @notice Sum of the milestones not paid yet, in wei.
    uint256 public unreleased;
    /// @notice Whether the unreleased money went back to the client. Final: no milestone is paid afterwards.
    bool public rolledBack;

    uint256[] private _milestones;
    /// @notice Whether a milestone is paid, by its number from 0 on.
    mapping(uint256 index => bool) public released;
    /// @notice What an account could not be paid and has not fetched yet, in wei.
    mapping(address account => uint256) public credit;
    /// @notice Sum of all credits, in wei.
    uint256 public credited;

    /// @notice The escrow was made with all the money of its job.
    /// @param client Gave the money.
    /// @param freelancer Is to be paid.
    /// @param total Sum of the milestones, in wei.
    event Funded(address indexed client, address indexed freelancer, uint256 total);
    /// @notice A milestone was paid, or credited where the freelancer could not be paid.
    /// @param index Its number, from 0 on.
    /// @param freelancer Who was paid.
    /// @param amount In wei.
    event MilestoneReleased(uint256 indexed index, address indexed freelancer, uint256 amount);
    /// @notice What was unreleased went back to the client, or was credited to them.
    /// @param by The admin who did it.
    /// @param client Who got it.
    /// @param amount In wei.
    event RolledBack(address indexed by, address indexed client, uint256 amount);
    /// @notice An account could not be paid, and may fetch it.
    /// @param account Whose it is.
    /// @param amount In wei.
    event Credited(address indexed account, uint256 amount);
    /// @notice An account fetched its credit.
    /// @param account Whose it was.
    /// @param amount In wei.
    event Withdrawn(address indexed account, uint256 amount);
    /// @notice A credit was sent to another than the account whose it was; `Withdrawn` tells of it too.
    /// @param account Whose it was.
    /// @param to Who got it.
    /// @param amount In wei.
    event WithdrawnTo(address indexed account, address indexed to, uint256 amount);
    /// @notice What had come in beside the job's money went to the client, or was credited to them.
    /// @param by Who called.
    /// @param client Who got it.
    /// @param amount In wei.
    event Recovered(address indexed by, address indexed client, uint256 amount);

    /// @notice The caller may not do this.
    /// @param caller Who called.
    error NotAllowed(address caller);
    /// @notice An address is missing.
    error ZeroAddress();
    /// @notice There is no milestone of that number.
    /// @param index The number.
    error UnknownMilestone(uint256 index);
    /// @notice The milestone is paid already.
    /// @param index Its number.
    error AlreadyReleased(uint256 index);
    /// @notice The money went back to the client: nothing is paid any more.
    error AlreadyRolledBack();
    /// @notice The caller has no credit.
    error NothingToWithdraw();
    /// @notice Nothing came in beside the job's money.
    error NothingToRecover();
    /// @notice The recipient refused the payment.
    error PaymentFailed();

    /// @notice The code that escrows are clones of; it can hold no job itself.
    constructor() {
        _disableInitializers();
    }

    /// @notice Takes the job's money. Called once, by the factory, in the transaction that makes the clone.
    /// @param factory_ Keeps the roles.
    /// @param client_ Gave the money.
    /// @param freelancer_ Is to be paid.
    /// @param milestones_ Wei per milestone; their sum is the value that is sent.
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

    /// @notice What the escrow was made with.
    /// @return Wei per milestone, in order, paid or not.
    function milestones() external view returns (uint256[] memory) {
        return _milestones;
    }

    /// @notice What came in beside the job's money: sent to this address before the escrow stood at it, or forced in.
    /// @return In wei.
    function surplus() public view returns (uint256) {
        return address(this).balance - unreleased - credited;
    }

    /// @notice Pays one milestone. By the client, or by the platform for them.
    /// @param index Its number, from 0 on.
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

    /// @notice Returns exactly what is unreleased to the client, once and for good. By the admin of the factory.
    function rollback() external nonReentrant {
        if (!factory.hasRole(ADMIN_ROLE, msg.sender)) revert NotAllowed(msg.sender);
        if (rolledBack) revert AlreadyRolledBack();
        uint256 amount = unreleased;
        rolledBack = true;
        unreleased = 0;
        emit RolledBack(msg.sender, client, amount);
        _pay(client, amount);
    }

    /// @notice Returns the surplus to the client, before a rollback as after it. By anybody: it can go nowhere else.
    function recover() external nonReentrant {
        address to = client;
        // The code itself, which has no client.
        if (to == address(0)) revert ZeroAddress();
        uint256 amount = surplus();
        if (amount == 0) revert NothingToRecover();
        emit Recovered(msg.sender, to, amount);
        _pay(to, amount);
    }

    /// @notice Fetches what the caller could not be paid.
    function withdraw() external nonReentrant {
        _withdraw(msg.sender);
    }

    /// @notice Sends what the caller could not be paid to another account: for who can call and never receive.
    /// @param to Gets it.
    function withdrawTo(address to) external nonReentrant {
        if (to == address(0)) revert ZeroAddress();
        emit WithdrawnTo(msg.sender, to, credit[msg.sender]);
        _withdraw(to);
    }

    function _withdraw(address to) private {
        uint256 amount = credit[msg.sender];
        if (amount == 0) revert NothingToWithdraw();
        credit[msg.sender] = 0;
        credited -= amount;
        emit Withdrawn(msg.sender, amount);
        (bool paid,) = to.call{value: amount}("");
        if (!paid) revert PaymentFailed();
    }

    function _pay(address to, uint256 amount) private {
        if (amount == 0) return;
        // Bounded gas: a recipient that burns it all must not make the release itself run out.
        (bool paid,) = to.call{value: amount, gas: 100_000}("");
        if (paid) return;
        credit[to] += amount;
        credited += amount;
        emit Credited(to, amount);
    }
}
