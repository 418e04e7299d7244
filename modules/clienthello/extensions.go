// SPDX-License-Identifier: Apache-2.0

package clienthello

const (
	extensionServerName        = 0      // RFC 6066
	extensionGroups            = 10     // RFC 8446
	extensionPointFormats      = 11     // RFC 8422
	extensionSignatures        = 13     // RFC 8446
	extensionALPN              = 16     // RFC 7301
	extensionPreSharedKey      = 41     // RFC 8446
	extensionEarlyData         = 42     // RFC 8446
	extensionSupportedVersions = 43     // RFC 8446
	extensionKeyShare          = 51     // RFC 8446
	extensionECH               = 0xfe0d // RFC 9849
)

// parseExtensions parses the extensions whose content matters here and skips the others by their
// length. A repeated extension is an error (RFC 8446, section 4.2): the server might use another
// copy than this parser.
func (h *Hello) parseExtensions() error {
	seen := newTypeSet()
	defer seen.release()
	for rest := h.extensions; len(rest) > 0; {
		var kind uint16
		var data []byte
		var ok bool
		if kind, data, rest, ok = cutTagged(rest); !ok {
			return errExtension
		}
		if !seen.add(kind) {
			return errDuplicate
		}
		if kind > extensionKeyShare && kind != extensionECH {
			continue
		}
		if err := h.parseExtension(kind, data); err != nil {
			return err
		}
	}
	return nil
}

// parseExtension parses the content of one extension. Invalid content is an error: if it were
// skipped, rules would treat the extension as absent.
func (h *Hello) parseExtension(kind uint16, data []byte) error {
	var ok bool
	switch kind {
	case extensionServerName:
		return h.parseServerName(data)
	case extensionGroups:
		if h.groups, ok = uint16s(whole16(data)); !ok {
			return errGroups
		}
	case extensionPointFormats:
		if h.pointFormats, ok = whole8(data); !ok || len(h.pointFormats) == 0 {
			return errPointFormats
		}
	case extensionSignatures:
		if h.signatures, ok = uint16s(whole16(data)); !ok {
			return errSignatures
		}
	case extensionALPN:
		return h.parseALPN(data)
	case extensionPreSharedKey:
		h.psk = true
	case extensionEarlyData:
		h.earlyData = true
	case extensionSupportedVersions:
		return h.parseVersions(data)
	case extensionKeyShare:
		return h.parseKeyShares(data)
	case extensionECH:
		h.ech = true
	}
	return nil
}

func (h *Hello) parseALPN(data []byte) error {
	list, ok := whole16(data)
	if !ok {
		return errALPN
	}
	if len(list) == 0 {
		return errNoALPN
	}
	position := 0
	for position < len(list) {
		if list[position] == 0 {
			return errEmptyALPN
		}
		position += 1 + int(list[position])
	}
	if position > len(list) {
		return errALPN
	}
	h.alpn = list
	return nil
}

func (h *Hello) parseVersions(data []byte) error {
	var ok bool
	if h.versions, ok = uint16s(whole8(data)); !ok {
		return errVersionList
	}
	h.version = 0
	for version := range h.versions.All() {
		h.version = higherVersion(h.version, version)
	}
	return nil
}

// parseKeyShares parses a key_share extension. Its list may be empty, which requests a
// HelloRetryRequest.
func (h *Hello) parseKeyShares(data []byte) error {
	list, ok := whole16(data)
	if !ok {
		return errKeyShares
	}
	h.keyShares = list
	for len(list) > 0 {
		var group uint16
		var key []byte
		if group, key, list, ok = cutTagged(list); !ok || len(key) == 0 {
			return errKeyShares
		}
		h.postQuantum = h.postQuantum || isPostQuantum(group)
	}
	return nil
}
