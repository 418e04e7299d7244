// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"cmp"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// Passive takes a server out for a while when clients fail to connect to it, without any check.
// After that time the server is up again, and the next connect decides: if it fails, the server is
// taken out again at once. The last usable server of a backend is never taken out. It is nginx's
// max_fails and fail_timeout.
type Passive struct {
	// Fails is the number of failed connects within the window that takes a server out. Default: 3.
	Fails int `json:"fails,omitempty"`

	// Window is the time within which failures are counted. Default: 10s.
	Window caddy.Duration `json:"window,omitempty"`

	// Eject is the time for which the server is taken out. Default: 10s.
	Eject caddy.Duration `json:"eject,omitempty"`
}

// Defaults of passive.
const (
	DefaultFails  = 3
	DefaultWindow = 10 * time.Second
	DefaultEject  = 10 * time.Second
)

// validate validates passive. p may be nil.
func (p *Passive) validate() error {
	if p == nil {
		return nil
	}
	if err := validateNumbers(number{"fails", p.Fails}); err != nil {
		return err
	}
	return validateDurations(duration{"window", p.Window}, duration{"eject", p.Eject})
}

// passive returns the pool's configuration. p may be nil.
func (p *Passive) passive() pool.Passive {
	if p == nil {
		return pool.Passive{}
	}
	return pool.Passive{
		Fails:  cmp.Or(p.Fails, DefaultFails),
		Window: cmp.Or(time.Duration(p.Window), DefaultWindow), Eject: cmp.Or(time.Duration(p.Eject), DefaultEject),
	}
}

// table returns the options of passive.
func (p *Passive) table() options.Table {
	return options.Table{
		"fails": options.Int(&p.Fails, 1, maxNumber), "window": options.Duration(&p.Window), "eject": options.Duration(&p.Eject),
	}
}
