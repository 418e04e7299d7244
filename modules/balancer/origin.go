// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
)

// BeginBlock begins to note where in a Caddyfile options stand: those of the block
// whose name d stands on.
func (b *Backend) BeginBlock(d *caddyfile.Dispenser) { b.written = options.NewRecorder(d) }

// NoteLine notes where an option stands, which d stands on.
func (b *Backend) NoteLine(word string, d *caddyfile.Dispenser) { b.written.Note(word, d) }

// EndBlock sets Origin to what has been noted.
func (b *Backend) EndBlock() {
	b.Origin, b.written = b.written.Origin(), nil
}

// noted returns f with its option noted.
func (b *Backend) noted(word string, f func(d *caddyfile.Dispenser) error) func(d *caddyfile.Dispenser) error {
	return func(d *caddyfile.Dispenser) error {
		b.NoteLine(word, d)
		return f(d)
	}
}

// at adds to an error where an option stands, the i-th of its kind.
func (b *Backend) at(word string, i int, err error) error {
	return options.Locate(b.Origin.Of(word, i), err)
}
