// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
	"github.com/caddy-passthrough/caddy-passthrough/modules/l4passthrough"
)

const (
	noteModeTCP = "refused in mode http"
	noteNotHTTP = "ignored in mode http"

	noteNoHTTPLimits = "in mode http, only the limits of global apply"
	noteInterface    = "an interface that is missing is an error, and no warning; refused in mode http"
	noteMSS          = "a size that the kernel does not take (outside 88 to 32767) is an error, and no warning; ignored in mode http"
)

// bindMSS validates mss.
func bindMSS(v string) error {
	n, err := strconv.Atoi(v)
	switch {
	case err != nil || n == 0 || n > math.MaxUint16 || n < -math.MaxUint16:
		return errors.New("expects an MSS with and absolute value between 1 and 65535")
	case n > 0 && (n < balancer.MinMSS || n > balancer.MaxMSS):
		return fmt.Errorf("'%s' : expected a segment size from %d to %d", v, balancer.MinMSS, balancer.MaxMSS)
	}
	return nil
}

// setBindMSS sets mss. As in HAProxy, a negative one is the system's.
func setBindMSS(b *bind, v string) { b.MSS = max(0, integer(v)) }

// userTimeout validates tcp-ut.
func userTimeout(v string) error {
	if _, err := haproxyfile.ParseTime(v, time.Millisecond); err != nil {
		return errors.New("expects a positive delay in milliseconds")
	}
	return nil
}

func setBindUserTimeout(b *bind, v string) {
	d, _ := haproxyfile.ParseTime(v, time.Millisecond)
	b.TCPUserTimeout = caddy.Duration(d)
}

// socketWords returns HAProxy's words of the options that a bind has: those that say where its
// socket is, and the others.
func (b *bind) socketWords() (place, rest []string) {
	for _, option := range []struct {
		word  string
		set   bool
		place bool
	}{
		{"transparent", b.Transparent, true},
		{"interface", b.Interface != "", true},
		{"namespace", b.Namespace != "", true},
		{"defer-accept", b.DeferAccept, false},
		{"tfo", b.TFO, false},
		{"mss", b.MSS != 0, false},
		{"tcp-ut", b.TCPUserTimeout != 0, false},
	} {
		switch {
		case !option.set:
		case option.place:
			place = append(place, option.word)
		default:
			rest = append(rest, option.word)
		}
	}
	return place, rest
}

// emitOptions returns the options of a bind's socket. As in HAProxy, a Unix socket has none.
func (b *bind) emitOptions() l4passthrough.BindOptions {
	if b.Family.IsUnix() {
		return l4passthrough.BindOptions{}
	}
	return b.BindOptions
}

// validateSockets reports options of listening sockets that have no effect where they are.
func (t *translation) validateSockets(p *proxy) {
	if p.disabled {
		return
	}
	for i := range p.binds {
		b := &p.binds[i]
		place, rest := b.socketWords()
		switch all := slices.Concat(place, rest); {
		case p.isHTTP():
			t.validateHTTPSocket(p, b, place, rest)
		case len(all) > 0 && b.Family == haproxyfile.FD:
			t.errorf(b.Pos, "'bind %s' : '%s' : a descriptor has the options of the program that opened it", b.Address, strings.Join(all, "', '"))
		case b.Namespace != "" && b.Family.IsUnix():
			t.errorf(b.Pos, "'bind %s' : 'namespace' : expected an IP address and a port with it", b.Address)
		}
	}
}

// validateHTTPSocket reports the options of a bind in mode http: Caddy's http servers have none.
// Without those that say where the socket is, others than intended could connect.
func (t *translation) validateHTTPSocket(p *proxy, b *bind, place, rest []string) {
	for _, word := range place {
		t.errorf(b.Pos, "'bind %s' : '%s' is not available in mode http", b.Address, word)
	}
	for _, word := range rest {
		t.notice(b.Pos, ignored, "Caddy's http servers have the system's values", "bind ... "+word)
	}
	if p.maxconn > 0 || p.sessionRate > 0 || b.maxconn > 0 {
		t.notice(b.Pos, ignored, noteNoHTTPLimits, "maxconn' or 'rate-limit sessions")
	}
	if p.backlogOf(b) > 0 {
		t.notice(b.Pos, ignored, "Caddy's http servers have the system's limit (net.core.somaxconn)", "backlog")
	}
}
