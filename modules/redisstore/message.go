// SPDX-License-Identifier: Apache-2.0

package redisstore

// version is that of messages. Nodes ignore others.
const version = '1'

// Kinds of messages.
const (
	changes   = 'c' // entries follow
	heartbeat = 'h'
	farewell  = 'f' // the run of the node ends
)

// A message begins with the version, the kind, the run and the name of the node. Entries follow.

func messageHead(kind byte, run, node string) []byte {
	return appendText(appendText([]byte{version, kind}, run), node)
}

// Parts of an entry in a message.
const (
	hasState = 1 << iota
	hasCounts
	isForgotten
)

// change is an entry in a message.
type change struct {
	key           string
	state, counts string // records
	parts         byte
}

func appendChange(b []byte, c change) []byte {
	b = appendText(append(b, c.parts), c.key)
	if c.parts&hasState != 0 {
		b = appendText(b, c.state)
	}
	if c.parts&hasCounts != 0 {
		b = appendText(b, c.counts)
	}
	return b
}

// message is a message that was received.
type message struct {
	kind      byte
	run, node string
	changes   reader
}

// parseMessage returns a message, and whether its head is valid.
func parseMessage(text string) (m message, ok bool) {
	if len(text) < 2 || text[0] != version {
		return m, false
	}
	r := reader{rest: text[2:]}
	m = message{kind: text[1], run: r.text(), node: r.text()}
	m.changes = r
	return m, !r.bad && m.run != "" && len(m.run) <= maxName && len(m.node) <= maxName
}

// next returns the next change. It is false after the last one, and at one that is invalid.
func (m *message) next() (c change, ok bool) {
	r := &m.changes
	if r.bad || r.rest == "" {
		return c, false
	}
	c.parts, r.rest = r.rest[0], r.rest[1:]
	c.key = r.text()
	if c.parts&hasState != 0 {
		c.state = r.text()
	}
	if c.parts&hasCounts != 0 {
		c.counts = r.text()
	}
	return c, !r.bad
}
