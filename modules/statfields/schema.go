// SPDX-License-Identifier: Apache-2.0

package statfields

import (
	"bufio"
	"maps"
	"slices"
)

// object is an object of a JSON schema.
type object = map[string]any

// WriteSchema writes the JSON schema of what WriteInfoJSON and WriteJSON write.
func WriteSchema(w *bufio.Writer) {
	number, text := object{"type": "integer", "minimum": 0}, object{"type": "string"}
	field := required(object{"pos": number, "name": text})
	tags := required(object{"origin": oneOf(origins), "nature": oneOf(natures), "scope": oneOf(scopes)})
	typed := object{"type": "object", "required": []string{"type", "value"}, "oneOf": []object{
		{"properties": object{"type": object{"enum": []string{"s32", "u32", "u64"}}, "value": object{"type": "integer"}}},
		{"properties": object{"type": object{"enum": []string{"str"}}, "value": text}},
	}}
	info := object{"field": field, "processNum": object{"type": "integer", "minimum": 1}, "tags": tags, "value": typed}
	stat := maps.Clone(info)
	stat["objType"], stat["proxyId"], stat["id"] = object{"enum": objects}, number, number
	writeJSON(w, object{
		"$schema": "http://json-schema.org/draft-04/schema#",
		"oneOf": []object{
			{"title": "Info", "type": "array", "items": required(info)},
			{"title": "Stat", "type": "array", "items": object{"type": "array", "items": required(stat)}},
		},
	})
}

// required returns the schema of an object that has all of its properties.
func required(properties object) object {
	return object{"type": "object", "properties": properties, "required": slices.Sorted(maps.Keys(properties))}
}

// oneOf returns the schema of one of the words for letters.
func oneOf(words map[byte]string) object {
	return object{"enum": slices.Sorted(maps.Values(words))}
}
