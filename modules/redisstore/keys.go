// SPDX-License-Identifier: Apache-2.0

package redisstore

import "strings"

// maxName bounds the names of nodes and of servers, and the prefix.
const maxName = 255

// keys are the names of a table's keys in Redis. Their common part is in braces, by which all are
// on one node of a cluster. What clients have sent is only at their end, as bytes.
type keys struct{ base string }

func newKeys(prefix, table string) keys { return keys{"{" + prefix + ":" + table + "}:"} }

// Kinds of keys, after the common part.
const (
	ofEntry  = "e:" // the server and the tags of an entry
	ofCounts = "n:" // what a node has counted for an entry
	ofNode   = "up:"
)

// channel returns the channel of changes.
func (k keys) channel() string { return k.base + "changes" }

// entry returns the key of an entry.
func (k keys) entry(key []byte) string { return k.base + ofEntry + string(key) }

// counts returns the key of an entry's counts by a run of a node.
func (k keys) counts(run string, key []byte) string {
	return k.base + ofCounts + run + ":" + string(key)
}

// node returns the key that exists while a run of a node lives.
func (k keys) node(run string) string { return k.base + ofNode + run }

// pattern returns a pattern that matches all keys.
func (k keys) pattern() string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`).Replace(k.base) + "*"
}

// parse returns the table's key that the name of a key is about, and the run if it is of counts.
func (k keys) parse(name string) (key, run string, ok bool) {
	rest, ok := strings.CutPrefix(name, k.base)
	if !ok {
		return "", "", false
	}
	if key, ok = strings.CutPrefix(rest, ofEntry); ok {
		return key, "", true
	}
	if rest, ok = strings.CutPrefix(rest, ofCounts); !ok {
		return "", "", false
	}
	run, key, ok = strings.Cut(rest, ":")
	return key, run, ok && run != ""
}
