// SPDX-License-Identifier: Apache-2.0

//go:build !generalway

package frontend

import (
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// onAccepted screens the connection and begins to wait for the client's first bytes.
func (a *shardConn) onAccepted() relay.Step {
	if a.f.hasEarlyRules() {
		if end := a.conn().screen(); end != nil {
			return a.end(end)
		}
	}
	if a.f.Content == nil {
		return relay.Step{Until: epoch.Add(a.accepted + a.f.InspectDelay)}
	}
	if a.f.reads && a.f.Content.InspectDelay == 0 { // rules decide by the bytes there are
		return a.toGoroutine(a.conn().inspectAndRoute)
	}
	return a.tryRules()
}

// onHelloEvent handles an event while the hello is waited for. It corresponds to awaitHello.
func (a *shardConn) onHelloEvent(news relay.News) relay.Step {
	c := a.conn()
	var outcome clienthello.Outcome
	switch news.Event {
	case relay.Received:
		outcome = c.hello.Commit(news.N)
	case relay.Expired:
		if due := epoch.Add(a.accepted + a.f.InspectDelay); time.Now().Before(due) {
			return relay.Step{Until: due}
		}
		outcome = c.hello.Expire()
	default:
		outcome = c.hello.Leave()
	}
	if outcome == clienthello.Pending {
		return relay.Step{}
	}
	if end := c.inspected(outcome); end != nil {
		return a.end(end)
	}
	return a.route()
}

// onContentEvent handles an event while rules of content wait. It corresponds to applyRules.
func (a *shardConn) onContentEvent(news relay.News) relay.Step {
	c := a.conn()
	switch news.Event {
	case relay.Received:
		c.commitRead(news.N)
	case relay.Finished:
		c.input.clientFinished = true
	case relay.Expired:
		switch deadline, silent := c.waitDeadline(); {
		case time.Now().Before(deadline): // the client has sent something since
			return relay.Step{Until: deadline}
		case silent:
			return a.end(c.clientLeft(a.f.Content, tcplog.ClientTimeoutHello, nil))
		}
		c.input.delayExpired = true
	default:
		return a.end(c.clientLeft(a.f.Content, tcplog.ClientLeft, a.readError(news.Err)))
	}
	return a.tryRules()
}

// tryRules applies the rules of content.
func (a *shardConn) tryRules() relay.Step {
	c, ruleset := a.conn(), a.f.Content
	wait, end := c.tryRules(ruleset, ruleset.InspectDelay == 0 || c.input.delayExpired, true)
	switch {
	case wait:
		c.startDelay(ruleset)
		c.input.read = true
		deadline, _ := c.waitDeadline()
		return relay.Step{Until: deadline}
	case end != nil:
		return a.end(end)
	case a.f.reads && !c.input.read: // routes decide by the bytes there are
		return a.toGoroutine(c.inspectAndRoute)
	}
	c.input.delayEnds = time.Time{}
	return a.route()
}

// onConnected turns the connection into a session.
func (a *shardConn) onConnected() relay.Step {
	c, s := a.conn(), a.session
	if end := c.noteDialResult(c.claim, nil); end != nil {
		return a.end(end)
	}
	s.begin(c)
	c.ended, a.socket = true, nil
	c.claim.handOverLease().OnEvict(s)
	c.forget()
	a.recycle()
	return relay.Step{Do: relay.Relay, Options: &s.options, Owner: s}
}

// onConnectFailed retries in a goroutine, if another attempt may be made.
func (a *shardConn) onConnectFailed(err error) relay.Step {
	c := a.conn()
	end := c.noteDialResult(c.claim, err)
	return a.attemptOnGoroutine(c.claim, func(k *claim) *ending { return c.retry(k, end) })
}

// onClientLeft releases the server that was being connected to.
func (a *shardConn) onClientLeft(err error) relay.Step {
	why := errClientFin
	if err != nil {
		why = errClientReset
	}
	c := a.conn()
	c.gone = make(chan struct{})
	c.setGone(why)
	return a.end(c.abandon(c.claim, why))
}
