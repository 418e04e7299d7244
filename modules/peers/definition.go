// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

// keyTypes are the protocol's numbers of the types of keys.
var keyTypes = map[tables.Type]uint64{
	tables.Integer: 2, tables.IP: 4, tables.IPv6: 5, tables.String: 6, tables.Binary: 7,
}

// bits are the values of entries in the protocol's order, by their bits in a definition. Bit 0 is
// the number of a server, which differs from node to node: this process sends its name alone.
var bits = [...]tables.Data{
	serverNumber,
	tables.GPT0, tables.GPC0, tables.GPC0Rate, tables.ConnCount, tables.ConnRate, tables.ConnCurrent,
	tables.SessCount, tables.SessRate, tables.HTTPReqCount, tables.HTTPReqRate, tables.HTTPErrCount, tables.HTTPErrRate,
	tables.BytesIn, tables.BytesInRate, tables.BytesOut, tables.BytesOutRate, tables.GPC1, tables.GPC1Rate,
	tables.Server,
	tables.HTTPFailCount, tables.HTTPFailRate, tables.GPT, tables.GPC, tables.GPCRate, tables.GlitchCount, tables.GlitchRate,
}

// serverNumber is the value that is read and not used.
const serverNumber = tables.NumData

// stored returns what the entries of a table store of a value.
func stored(c tables.Config, d tables.Data) (tables.Store, bool) {
	for _, s := range c.Store {
		if s.Data == d {
			return s, true
		}
	}
	return tables.Store{}, false
}

// keySize returns the size of keys in a definition. Those of strings count the zero byte that ends
// them in HAProxy.
func keySize(c tables.Config) uint64 {
	n := uint64(c.KeyLength())
	if c.Type == tables.String {
		n += stringTerminatorSize
	}
	return n
}

// appendDefinition appends the message that introduces a table by a number.
func appendDefinition(b []byte, id int, name string, c tables.Config) []byte {
	data := appendNumber(nil, uint64(id))
	data = appendBytes(data, name)
	data = appendNumber(data, keyTypes[c.Type])
	data = appendNumber(data, keySize(c))
	var mask uint64
	var arguments []byte
	for bit, d := range bits {
		s, ok := stored(c, d)
		if !ok {
			continue
		}
		mask |= 1 << bit
		if d.IsArray() || d.IsRate() {
			arguments = appendNumber(arguments, uint64(bit))
		}
		if d.IsArray() {
			arguments = appendNumber(arguments, uint64(s.Count))
		}
		if d.IsRate() {
			arguments = appendNumber(arguments, uint64(s.Period.Milliseconds()))
		}
	}
	data = appendNumber(data, mask)
	data = appendNumber(data, uint64(c.Expire.Milliseconds()))
	return appendMessage(b, definition, append(data, arguments...))
}

// defined is a definition that the peer has sent.
type defined struct {
	id       uint64
	name     string
	keyType  uint64
	keySize  uint64
	elements [len(bits)]int // of each value in an update; 0: it is not in it
}

// readDefinition reads a definition. usable is false if updates cannot be read by it: values that
// this version does not know are after those that it knows, so they do no harm.
func readDefinition(data []byte) (d defined, usable bool, err error) {
	c := &cursor{rest: data}
	d.id, d.name = c.number(), string(c.bytes(c.number()))
	d.keyType, d.keySize = c.number(), c.number()
	mask := c.number()
	if c.failed || d.name == "" {
		return d, false, errMalformed
	}
	withArguments := len(c.rest) > 0 // HAProxy's older versions send none
	c.number()                       // after which entries expire there
	usable = true
	for bit, of := range bits {
		if mask>>bit&1 == 0 {
			continue
		}
		d.elements[bit] = 1
		switch {
		case of == serverNumber:
		case of.IsArray() && !withArguments:
			usable = false
		case withArguments && (of.IsArray() || of.IsRate()):
			usable = d.readArguments(c, bit) && usable
		}
	}
	return d, usable, nil
}

// readArguments reads the arguments of a value.
func (d *defined) readArguments(c *cursor, bit int) bool {
	const maxElements = 100
	if c.number() != uint64(bit) {
		return false
	}
	if bits[bit].IsArray() {
		n := c.number()
		if n > maxElements {
			return false
		}
		d.elements[bit] = int(n)
	}
	if bits[bit].IsRate() {
		c.number() // each side reads a rate by its own period
	}
	return !c.failed
}

// fits reports whether keys of the definition are keys of a table.
func (d *defined) fits(c tables.Config) bool {
	return d.keyType == keyTypes[c.Type] && d.keySize == keySize(c)
}
