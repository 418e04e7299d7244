// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"bytes"
	"errors"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/inprocess"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// listenerCloseTimeout bounds the wait for a listener to close after its server has begun to shut
// down and has closed a connection for that.
const listenerCloseTimeout = time.Second

// toSite passes the connection to the http server of a backend and waits until it has ended there.
func (c *connection) toSite(b *balancer.Backend) *ending {
	c.record.Server, c.record.Address = "", inprocess.Network+"/"+b.Site
	c.reach(tcplog.KilledConnect)
	v := newSiteConn(c.addressed(c.Conn), bytes.Clone(c.hello.Bytes()))
	for {
		closed, err := inprocess.Deliver(b.Site, v, c.gone)
		switch {
		case errors.Is(err, inprocess.ErrGone):
			return &ending{end: tcplog.KilledConnect, by: relay.Proxy}
		case err != nil: // no stand-in if a server had it before: the hello is gone
			return &ending{end: tcplog.NoServer, by: relay.Proxy, err: err, unserved: c.hello != nil}
		}
		c.forget()
		c.record.Queue, c.record.Connect = 0, 0
		c.reach(tcplog.Killed)
		<-v.closed
		if !v.untouched || !closesSoon(closed) || c.goneErr() != nil {
			break
		}
		v = v.reopen() // for the server of the next configuration, from the first byte
	}
	_ = c.Conn.Close()
	end := sessionEnding(v.result(), &c.record)
	end.clientClosed = true // the connection is closed already
	return &end
}

// closesSoon reports whether a listener closes within listenerCloseTimeout.
func closesSoon(closed <-chan struct{}) bool {
	select {
	case <-closed:
		return true
	case <-time.After(listenerCloseTimeout):
		return false
	}
}
