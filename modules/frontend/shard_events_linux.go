// SPDX-License-Identifier: Apache-2.0

//go:build !generalway

package frontend

import (
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
	"github.com/caddy-passthrough/caddy-passthrough/modules/limits"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// onAccepted applies the rules about the peer's address and begins to wait for the client's first
// bytes.
func (a *shardConn) onAccepted() relay.Step {
	if a.f.hasRules(a.f.Connection) {
		if end := a.conn().screen(a.f.Connection); end != nil {
			return a.end(end)
		}
		a.header = a.pooled.header
	}
	a.f.conns.rate.Count(epoch.Add(a.accepted))
	a.f.ends.sessions.Add(1)
	limits.Process.Session()
	if a.header.awaits() {
		return relay.Step{Until: a.f.headerDeadline(epoch.Add(a.accepted))}
	}
	return a.awaitData()
}

// awaitData applies the rules about the client's address and begins to wait for the client's data.
func (a *shardConn) awaitData() relay.Step {
	if a.entry.counted != nil {
		c := a.conn()
		end := c.enterLate()
		if a.entry = c.entry; end != nil {
			return a.end(end)
		}
	}
	if a.f.hasRules(a.f.Session) {
		if end := a.conn().screen(a.f.Session); end != nil {
			return a.end(end)
		}
	}
	if a.pooled != nil {
		a.pooled.tracked.countSession()
	}
	if a.f.Log != nil {
		a.conn().logAccepted()
	}
	if a.f.Content == nil {
		return relay.Step{Until: epoch.Add(a.accepted + a.f.inspectDelay())}
	}
	if a.f.reads && a.f.Content.InspectDelay == 0 { // rules decide by the bytes there are
		return a.toGoroutine(a.conn().inspectAndRoute)
	}
	return a.tryRules()
}

// onHeaderEvent handles an event while a PROXY header is waited for. It corresponds to readHeader.
func (a *shardConn) onHeaderEvent(news relay.News) relay.Step {
	c := a.conn()
	var end *ending
	switch news.Event {
	case relay.Received:
		end = c.takeHeader(c.readBuffer()[:news.N])
	case relay.Expired:
		if due := a.f.headerDeadline(c.accepted); time.Now().Before(due) {
			return relay.Step{Until: due}
		}
		end = c.headerExpired()
	default:
		end = c.leftBeforeHeader(news.Err)
	}
	switch {
	case end != nil:
		return a.end(end)
	case !a.f.nonBlocking: // another configuration runs now
		return a.toGoroutine(c.walkFromHeader)
	case a.header.awaits():
		return relay.Step{}
	}
	step := a.awaitData()
	if a.f.Content != nil || step.Do != relay.Await { // c may be a goroutine's by now
		return step
	}
	if outcome := c.hello.Outcome(); outcome != clienthello.Pending {
		return a.onOutcome(outcome)
	}
	return step
}

// onHelloEvent handles an event while the hello is waited for. It corresponds to awaitHello.
func (a *shardConn) onHelloEvent(news relay.News) relay.Step {
	c := a.conn()
	var outcome clienthello.Outcome
	switch news.Event {
	case relay.Received:
		outcome = c.hello.Commit(news.N)
	case relay.Expired:
		if due := epoch.Add(a.accepted + a.f.inspectDelay()); time.Now().Before(due) {
			return relay.Step{Until: due}
		}
		outcome = c.hello.Expire()
	default:
		outcome = c.hello.Leave()
	}
	if outcome == clienthello.Pending || news.Event == relay.Received && c.mayBeRefused() {
		return relay.Step{}
	}
	return a.onOutcome(outcome)
}

// onOutcome goes on after the inspection of the hello.
func (a *shardConn) onOutcome(outcome clienthello.Outcome) relay.Step {
	if end := a.conn().inspected(outcome); end != nil {
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
	case wait && c.viewState.LooksUp:
		return a.toGoroutine(c.inspectAndRoute)
	case wait:
		c.startDelay(ruleset)
		c.input.read = true
		deadline, _ := c.waitDeadline()
		return relay.Step{Until: deadline}
	case end != nil:
		return a.end(end)
	case a.f.reads && !c.input.read && ruleset.Counts(): // they must not count again
		return a.toGoroutine(c.readAndRoute)
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
	if !c.holdResponse(s, a.recycle) {
		a.recycle()
	}
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
