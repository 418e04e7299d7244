// SPDX-License-Identifier: Apache-2.0

package discovery

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// maxSize limits a file or an answer with servers.
const maxSize = 1 << 20

// parseList parses a list of servers: JSON, or else one server per line.
//
//	[{"address": "10.0.0.1:443", "weight": 10}, "10.0.0.2:443"]
//
//	10.0.0.1:443 weight 10   # a comment
//	10.0.0.2:443
func parseList(data []byte) (all []Endpoint, err error) {
	if len(data) > maxSize {
		return nil, fmt.Errorf("it is larger than %d bytes", maxSize)
	}
	trimmed := bytes.TrimSpace(data)
	if len(trimmed) > 0 && (trimmed[0] == '[' || trimmed[0] == '{') {
		all, err = parseJSON(trimmed)
	} else {
		all, err = parseLines(trimmed)
	}
	if err == nil {
		err = validate(all)
	}
	return all, err
}

func parseJSON(data []byte) ([]Endpoint, error) {
	var raw []json.RawMessage
	if data[0] == '{' {
		var object struct {
			Servers *[]json.RawMessage `json:"servers"`
		}
		if err := json.Unmarshal(data, &object); err != nil {
			return nil, err
		}
		if object.Servers == nil {
			return nil, errors.New(`expected a list, or an object with one: {"servers": […]}`)
		}
		raw = *object.Servers
	} else if err := json.Unmarshal(data, &raw); err != nil {
		return nil, err
	}
	all := make([]Endpoint, len(raw))
	for i, r := range raw {
		err := json.Unmarshal(r, &all[i].Address)
		if err != nil {
			err = json.Unmarshal(r, &all[i])
		}
		if err != nil || all[i].Address == "" {
			return nil, fmt.Errorf(`server %d: expected an address, or an object with address and perhaps weight: {"address": "10.0.0.1:443", "weight": 10}`, i+1)
		}
	}
	return all, nil
}

func parseLines(data []byte) (all []Endpoint, err error) {
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, maxSize+1)
	for n := 1; lines.Scan(); n++ {
		text, _, _ := strings.Cut(lines.Text(), "#")
		words := strings.Fields(text)
		if len(words) == 0 {
			continue
		}
		e := Endpoint{Address: words[0]}
		if len(words) == 3 && words[1] == "weight" {
			w, err := strconv.Atoi(words[2])
			if err != nil {
				return nil, fmt.Errorf("line %d: weight %q: expected a whole number from 0 to %d", n, words[2], maxWeight)
			}
			e.Weight, words = &w, words[:1]
		}
		if len(words) > 1 {
			return nil, fmt.Errorf("line %d: expected ADDRESS [weight N]", n)
		}
		all = append(all, e)
	}
	return all, lines.Err()
}
