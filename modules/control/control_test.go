// SPDX-License-Identifier: Apache-2.0

package control

import (
	"errors"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// TestUnknownNames asks for names that do not exist.
func TestUnknownNames(t *testing.T) {
	_, err := ServerOf("no-backend", "s1")
	if !errors.Is(err, ErrUnknown) || !errors.Is(err, pool.ErrNoBackend) {
		t.Errorf("a server of an unknown backend: %v", err)
	}
	if want := `backend "no-backend": no such backend`; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
}
