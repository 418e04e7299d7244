// SPDX-License-Identifier: Apache-2.0

package dnsclient

import (
	"errors"
	"net"
	"sync/atomic"

	"github.com/miekg/dns"

	"github.com/caddy-passthrough/caddy-passthrough/modules/resolve"
)

// counts holds the numbers of questions to a server, by what became of them.
type counts struct {
	sent, sendErrors, invalid, truncated            atomic.Uint64
	valid, notFound, refused, otherErrors, timeouts atomic.Uint64
}

// count counts the outcome of a question.
func (c *counts) count(err error) {
	code, answered := errors.AsType[codeError](err)
	var timeout net.Error
	switch {
	case err == nil:
		c.valid.Add(1)
	case answered && code.notFound():
		c.notFound.Add(1)
	case answered && int(code) == dns.RcodeRefused:
		c.refused.Add(1)
	case !answered && errors.As(err, &timeout) && timeout.Timeout():
		c.timeouts.Add(1)
	default:
		c.otherErrors.Add(1)
	}
}

func (s *Server) stats() resolve.NameserverStats {
	c := &s.counts
	return resolve.NameserverStats{
		Name: s.Name, Address: s.Address,
		Sent: c.sent.Load(), SendErrors: c.sendErrors.Load(), Invalid: c.invalid.Load(), Truncated: c.truncated.Load(),
		Valid: c.valid.Load(), NotFound: c.notFound.Load(), Refused: c.refused.Load(), Other: c.otherErrors.Load(), Timeouts: c.timeouts.Load(),
	}
}
