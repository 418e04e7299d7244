// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
)

// BeginBlock starts recording where options stand in a Caddyfile, for the block whose name d is at.
func (b *Backend) BeginBlock(d *caddyfile.Dispenser) { b.written = options.NewRecorder(d) }

// NoteLine records the place of an option, which d is at.
func (b *Backend) NoteLine(word string, d *caddyfile.Dispenser) { b.written.Note(word, d) }

// LineOf returns the place of the first option of its kind in a block that is being parsed.
func (b *Backend) LineOf(word string) string { return b.written.Origin().Of(word, 0) }

// SaveLines stores the places recorded so far in Origin, for a block that goes on elsewhere.
func (b *Backend) SaveLines() { b.Origin = b.written.Origin() }

// EndBlock stores the recorded places in Origin.
func (b *Backend) EndBlock() {
	b.Origin, b.written = b.written.Origin(), nil
}

// noted wraps f so that it records its option.
func (b *Backend) noted(word string, f func(d *caddyfile.Dispenser) error) func(d *caddyfile.Dispenser) error {
	return func(d *caddyfile.Dispenser) error {
		b.NoteLine(word, d)
		return f(d)
	}
}

// at adds the place of the i-th option of its kind to an error.
func (b *Backend) at(word string, i int, err error) error {
	return options.Locate(b.Origin.Of(word, i), err)
}
