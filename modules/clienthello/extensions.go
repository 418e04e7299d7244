// SPDX-License-Identifier: Apache-2.0

package clienthello

import (
	"bytes"

	"golang.org/x/crypto/cryptobyte"
)

const (
	extensionServerName        = 0  // RFC 6066
	extensionALPN              = 16 // RFC 7301
	extensionSupportedVersions = 43 // RFC 8446

	nameTypeHostName = 0
	maxNameLen       = 255
)

// interpreted has a bit for each extension type that parseExtension reads.
const interpreted uint64 = 1<<extensionServerName | 1<<extensionALPN | 1<<extensionSupportedVersions

// parseExtensions reads the extensions that routing needs and skips the others. Of those that it reads none may come
// twice, since this side and the server might then believe different ones.
func (h *Hello) parseExtensions(extensions cryptobyte.String) error {
	var seen uint64
	for !extensions.Empty() {
		var kind uint16
		var data cryptobyte.String
		if !extensions.ReadUint16(&kind) || !extensions.ReadUint16LengthPrefixed(&data) {
			return errExtension
		}
		bit := uint64(1) << kind & interpreted
		if bit == 0 {
			continue
		}
		if seen&bit != 0 {
			return errDuplicate
		}
		seen |= bit
		if err := h.parseExtension(kind, data); err != nil {
			return err
		}
	}
	return nil
}

func (h *Hello) parseExtension(kind uint16, data cryptobyte.String) error {
	switch kind {
	case extensionServerName:
		return h.parseServerName(data)
	case extensionALPN:
		return h.parseALPN(data)
	case extensionSupportedVersions:
		return h.parseVersions(data)
	default:
		return nil
	}
}

// parseServerName reads a server_name extension. Names of other types are skipped by their length: RFC 6066, section 3
// gives all of them one.
func (h *Hello) parseServerName(data cryptobyte.String) error {
	var list cryptobyte.String
	if !data.ReadUint16LengthPrefixed(&list) || !data.Empty() {
		return errNameList
	}
	if list.Empty() {
		return errNoName
	}
	for !list.Empty() {
		var nameType uint8
		var name cryptobyte.String
		if !list.ReadUint8(&nameType) || !list.ReadUint16LengthPrefixed(&name) {
			return errNameList
		}
		if nameType != nameTypeHostName {
			continue
		}
		if h.hasName {
			return errSecondName
		}
		if err := h.setName(name); err != nil {
			return err
		}
	}
	return nil
}

func (h *Hello) setName(name []byte) error {
	switch {
	case len(name) > maxNameLen:
		return errLongName
	case bytes.IndexByte(name, 0) >= 0:
		return errNameNUL
	}
	// RFC 6066 forbids the trailing dot, but some clients copy it from the URL, and the name means the same.
	name = bytes.TrimSuffix(name, []byte{'.'})
	if len(name) == 0 {
		return errEmptyName
	}
	h.hasName = true
	h.nameLen = uint8(len(name))
	for k, c := range name {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		h.name[k] = c
	}
	return nil
}

func (h *Hello) parseALPN(data cryptobyte.String) error {
	var list cryptobyte.String
	if !data.ReadUint16LengthPrefixed(&list) || !data.Empty() {
		return errALPN
	}
	if list.Empty() {
		return errNoALPN
	}
	h.alpn = list
	for !list.Empty() {
		var protocol cryptobyte.String
		if !list.ReadUint8LengthPrefixed(&protocol) {
			return errALPN
		}
		if protocol.Empty() {
			return errEmptyALPN
		}
	}
	return nil
}

func (h *Hello) parseVersions(data cryptobyte.String) error {
	var list cryptobyte.String
	if !data.ReadUint8LengthPrefixed(&list) || !data.Empty() || list.Empty() || len(list)%2 != 0 {
		return errVersionList
	}
	h.version = 0
	for !list.Empty() {
		var version uint16
		if !list.ReadUint16(&version) {
			return errVersionList
		}
		h.version = higherVersion(h.version, version)
	}
	return nil
}
