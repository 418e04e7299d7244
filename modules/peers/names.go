// SPDX-License-Identifier: Apache-2.0

package peers

// Names of servers are sent once in a connection, with a number, and then by their number alone.

// sentNames are the names that the peer knows. A new one takes the number of the oldest.
type sentNames struct {
	numbers map[string]int // from 0
	names   [dictionarySize]string
	next    int
}

// append appends a name to an update; "" means that there is no server.
func (s *sentNames) append(b []byte, name string) []byte {
	if name == "" {
		return appendNumber(b, 0)
	}
	if n, known := s.numbers[name]; known {
		return appendNumber(appendNumber(b, 1), uint64(n+1))
	}
	n := s.add(name)
	of := appendBytes(appendNumber(nil, uint64(n+1)), name)
	return appendBytes(b, of)
}

func (s *sentNames) add(name string) int {
	if s.numbers == nil {
		s.numbers = make(map[string]int)
	}
	n := s.next
	delete(s.numbers, s.names[n])
	s.names[n], s.numbers[name] = name, n
	s.next = (n + 1) % dictionarySize
	return n
}

// receivedNames are the names that the peer has sent.
type receivedNames [dictionarySize]string

// read reads a name of an update. It reports whether there is one.
func (r *receivedNames) read(c *cursor) (name string, ok bool) {
	length := c.number()
	if length == 0 {
		return "", false
	}
	of := cursor{rest: c.bytes(length)}
	id := of.number()
	if c.failed || of.failed || id == 0 || id > dictionarySize {
		c.fail()
		return "", false
	}
	if len(of.rest) == 0 {
		name = r[id-1]
		return name, name != ""
	}
	name = string(of.bytes(of.number()))
	if of.failed {
		c.fail()
		return "", false
	}
	r[id-1] = name
	return name, name != ""
}
