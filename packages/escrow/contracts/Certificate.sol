// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";

/// @title Proof of a finished job. Stays with the one it was minted to.
contract Certificate is ERC721, AccessControl {
    bytes32 public constant MINTER_ROLE = keccak256("MINTER_ROLE");

    event CertificateMinted(bytes32 indexed jobKey, address indexed to, uint256 indexed tokenId, string jobId);

    error NotTransferable();
    error AlreadyMinted(uint256 tokenId);

    constructor(address admin) ERC721("Marketplace Certificate", "MPC") {
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
        _grantRole(MINTER_ROLE, admin);
    }

    /// @notice The token of a job: keccak256 of the job's id, so that a job has one certificate at most.
    function tokenOf(string calldata jobId) public pure returns (uint256) {
        return uint256(keccak256(bytes(jobId)));
    }

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

    function supportsInterface(bytes4 id) public view override(ERC721, AccessControl) returns (bool) {
        return super.supportsInterface(id);
    }
}
