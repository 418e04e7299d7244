// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/syslog"
)

// appendEntry appends a line as an entry of the journal's native protocol, without the newline at
// its end. Members of a line in JSON become fields, too.
func appendEntry(b []byte, identifier string, s syslog.Severity, line []byte) []byte {
	b = appendField(b, "PRIORITY", []byte{'0' + byte(s)})
	b = appendField(b, "SYSLOG_IDENTIFIER", []byte(identifier))
	b = appendMembers(b, line)
	b = appendField(b, "MESSAGE", line)
	return b[:len(b)-1]
}

// appendField appends a field. A value with newlines has the form with a length.
func appendField(b []byte, name string, value []byte) []byte {
	b = append(b, name...)
	if bytes.IndexByte(value, '\n') >= 0 {
		b = binary.LittleEndian.AppendUint64(append(b, '\n'), uint64(len(value)))
	} else {
		b = append(b, '=')
	}
	return append(append(b, value...), '\n')
}

// appendMembers appends a field for each member of an object. A line that is no object has none.
func appendMembers(b, line []byte) []byte {
	if len(line) == 0 || line[0] != '{' {
		return b
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(line, &members) != nil {
		return b
	}
	for _, key := range slices.Sorted(maps.Keys(members)) {
		name := fieldName(key)
		if name == "" || slices.Contains(ownFields, name) {
			continue
		}
		for _, value := range values(members[key]) {
			b = appendField(b, name, value)
		}
	}
	return b
}

// ownFields are the fields that do not come from members.
var ownFields = []string{"MESSAGE", "PRIORITY", "SYSLOG_IDENTIFIER"}

// maxFieldName is the length of a field's name, at most, in the journal.
const maxFieldName = 64

// fieldName returns the name of a member's field: in capitals, with _ for characters that names of
// fields cannot have, and without a _ at its begin, which marks fields of the journal's own. It
// returns "" if there is no such name.
func fieldName(key string) string {
	name := strings.TrimLeft(strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z':
			return r - 'a' + 'A'
		case 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
			return r
		default:
			return '_'
		}
	}, key), "_0123456789")
	return name[:min(len(name), maxFieldName)]
}

// values returns the values of a member's fields: the text of a string, that of each string of a
// list, or the JSON of anything else.
func values(member json.RawMessage) [][]byte {
	var text string
	if json.Unmarshal(member, &text) == nil && member[0] == '"' {
		return [][]byte{[]byte(text)}
	}
	var list []string
	if member[0] != '[' || json.Unmarshal(member, &list) != nil {
		return [][]byte{member}
	}
	all := make([][]byte, 0, len(list))
	for _, text := range list {
		all = append(all, []byte(text))
	}
	return all
}
