// SPDX-License-Identifier: Apache-2.0

package clienthello

import "bytes"

const (
	nameTypeHostName = 0
	maxNameLen       = 255
)

// parseServerName parses a server_name extension. It skips names of other types by their length,
// which RFC 6066, section 3 requires of every type.
func (h *Hello) parseServerName(data []byte) error {
	list, ok := whole16(data)
	if !ok {
		return errNameList
	}
	if len(list) == 0 {
		return errNoName
	}
	for end := 0; end < len(list); {
		from := end + 3 // type and length
		if from > len(list) {
			return errNameList
		}
		nameType := list[end]
		end = from + int(list[from-2])<<8 + int(list[from-1])
		if end > len(list) {
			return errNameList
		}
		if nameType != nameTypeHostName {
			continue
		}
		if h.hasName {
			return errSecondName
		}
		if err := h.setName(list[from:end]); err != nil {
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
	// RFC 6066 forbids the trailing dot, but some clients copy it from the URL, and the meaning is the
	// same.
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

// RawServerName returns the host_name exactly as the client sent it, with its case and any trailing
// dot, or nil without one. Use [Hello.ServerName] for comparisons. Each call searches the
// extensions from the first.
func (h *Hello) RawServerName() []byte {
	if !h.hasName {
		return nil
	}
	data, _ := h.Extension(extensionServerName)
	for list := data[2:]; len(list) > 0; {
		nameType := list[0]
		var name []byte
		name, list, _ = cut16(list[1:])
		if nameType == nameTypeHostName {
			return name
		}
	}
	return nil
}
