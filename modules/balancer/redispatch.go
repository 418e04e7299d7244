// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
)

// Redispatch selects the server on which a failed connect is retried. In JSON it is true, false or
// a number.
//
// True: at once on a server that this connection has not tried, then on a backup; if none is left,
// on any of them after a pause of one second, or of the connect timeout if that is shorter. False:
// on the same server, after that pause.
//
// A number is HAProxy's option redispatch N (-1 if it is given without N), and works as in HAProxy.
// If several servers that are not backups are up, each retry is at once and on another server than
// the last. Otherwise, or if the policy ties each key to a server (source, hash), each retry is
// after the pause, and only every Nth retry may go to another server; a negative N counts from the
// last retry backwards.
type Redispatch struct {
	On bool
	N  int // 0: true
}

// maxRedispatch is the maximum of N, and -maxRedispatch the minimum.
const maxRedispatch = MaxRetries

// At reports whether the retry with this number, from 1 to retries, is one that may go to another
// server.
func (r Redispatch) At(retry, retries int) bool {
	every := r.N
	if every < 0 {
		every += retries + 1
	}
	return every > 0 && retry%every == 0
}

func (r Redispatch) validate() error {
	if r.N < -maxRedispatch || r.N > maxRedispatch {
		return fmt.Errorf("redispatch %d: expected true, false or a whole number from %d to %d", r.N, -maxRedispatch, maxRedispatch)
	}
	return nil
}

// MarshalJSON writes true, false or a number.
func (r Redispatch) MarshalJSON() ([]byte, error) {
	if r.On && r.N != 0 {
		return json.Marshal(r.N)
	}
	return json.Marshal(r.On)
}

// UnmarshalJSON reads true, false or a number; 0 is false, as in HAProxy.
func (r *Redispatch) UnmarshalJSON(b []byte) error {
	*r = Redispatch{}
	if err := json.Unmarshal(b, &r.On); err == nil {
		return nil
	}
	if err := json.Unmarshal(b, &r.N); err != nil {
		return errors.New("redispatch: expected true, false or a whole number")
	}
	r.On = r.N != 0
	return nil
}

// redispatch returns the option. Syntax:
//
//	redispatch [off|<number>]
func redispatch(r *Redispatch) options.Option {
	return options.Once(func(d *caddyfile.Dispenser) error {
		*r = Redispatch{On: true}
		if !d.NextArg() {
			return nil
		}
		if d.Val() == "off" {
			r.On = false
			return nil
		}
		n, err := strconv.Atoi(d.Val())
		if err != nil || n == 0 || n < -maxRedispatch || n > maxRedispatch {
			return d.Errf("redispatch: %q: expected nothing, off, or a whole number from %d to %d other than 0", d.Val(), -maxRedispatch, maxRedispatch)
		}
		r.N = n
		return nil
	})
}

// Interface guards
var (
	_ json.Marshaler   = Redispatch{}
	_ json.Unmarshaler = (*Redispatch)(nil)
)
