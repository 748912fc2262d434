// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessControlDefaultAdminRules} from
    "@openzeppelin/contracts/access/extensions/AccessControlDefaultAdminRules.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";

/// @title Proof of a finished job.
/// @notice Stays with the one it was minted to; a job has one at most. The admin goes over to another in two steps, as that of the factory.
contract Certificate is ERC721, AccessControlDefaultAdminRules {
    /// @notice May mint.
    bytes32 public constant MINTER_ROLE = keccak256("MINTER_ROLE");

    /// @notice A certificate was minted.
    /// @param jobKey keccak256 of the job's id.
    /// @param to Who has it.
    /// @param tokenId Its number.
    /// @param jobId The job's id.
    event CertificateMinted(bytes32 indexed jobKey, address indexed to, uint256 indexed tokenId, string jobId);

    /// @notice A certificate stays where it is.
    error NotTransferable();
    /// @notice The job has its certificate.
    /// @param tokenId Its number.
    error AlreadyMinted(uint256 tokenId);

    /// @notice Everything may be done by the admin at first.
    /// @param admin Has every role.
    /// @param adminDelay Seconds between the two steps in which the admin role goes over.
    constructor(address admin, uint48 adminDelay)
        ERC721("Marketplace Certificate", "MPC")
        AccessControlDefaultAdminRules(adminDelay, admin)
    {
        _grantRole(MINTER_ROLE, admin);
    }

    /// @notice The token of a job, so that a job has one certificate at most.
    /// @param jobId The job's id.
    /// @return keccak256 of the id in UTF-8, as a number.
    function tokenOf(string calldata jobId) public pure returns (uint256) {
        return uint256(keccak256(bytes(jobId)));
    }

    /// @notice Mints the certificate of a job.
    /// @param to Gets it, for good.
    /// @param jobId The job's id.
    /// @return tokenId Its number.
    function mint(address to, string calldata jobId) external onlyRole(MINTER_ROLE) returns (uint256 tokenId) {
        tokenId = tokenOf(jobId);
        if (_ownerOf(tokenId) != address(0)) revert AlreadyMinted(tokenId);
        _mint(to, tokenId);
        emit CertificateMinted(bytes32(tokenId), to, tokenId, jobId);
    }

    /// @dev Every move passes here; only minting has no owner before it.
    function _update(address to, uint256 tokenId, address auth) internal override returns (address) {
        if (_ownerOf(tokenId) != address(0)) revert NotTransferable();
        return super._update(to, tokenId, auth);
    }

    /// @notice Which interfaces the contract has (ERC-165).
    /// @param id Of the interface.
    /// @return Whether it has it.
    function supportsInterface(bytes4 id) public view override(ERC721, AccessControlDefaultAdminRules) returns (bool) {
        return super.supportsInterface(id);
    }
}
