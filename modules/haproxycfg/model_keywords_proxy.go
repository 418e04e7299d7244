// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"errors"
	"time"
)

const (
	noteNotYet  = "it is not available yet"
	noteBacklog = "the default, also for 0, is the system's limit (net.core.somaxconn), regardless of maxconn; among several binds at one address the largest applies; ignored in mode http"
)

// proxyKeywords are the keywords of frontend, backend, listen and defaults.
var proxyKeywords = newTable(basicKeywords, routingKeywords, balancingKeywords, inspectingKeywords, timingKeywords, checkingKeywords, loggingKeywords, stickingKeywords, httpKeywords, optionKeywords)

var basicKeywords = []keyword{
	{name: "mode", in: inProxies, grade: differs, args: oneMode, do: setMode, note: "mode http becomes a server of Caddy's http app, which sends requests to the backend's servers; its other keywords are translated or refused one by one"},
	{name: "disabled", in: inProxies, grade: supported, args: noArgs, do: func(_ *translation, p *proxy, _ statement) { p.disabled = true }},
	{name: "enabled", in: inProxies, grade: supported, args: noArgs, do: func(_ *translation, p *proxy, _ statement) { p.disabled = false }},
	{name: "id", in: inSections, grade: ignored, args: customID, do: setID, note: noteSectionID},
	{name: "guid", in: inSections, grade: ignored, args: oneArg, note: "sections are identified by name"},
	{name: "description", in: inSections, grade: ignored, args: someArgs, note: "it is a comment"},
	{name: "bind-process", in: inProxies, grade: ignored, args: someArgs, note: "HAProxy removed it in 2.5; one process uses all cores"},
	{name: "bind", in: inFrontend, grade: differs, args: someArgs, do: addBind, note: "two frontends at one address share its connections, as in HAProxy, but at random instead of by the kernel's hash"},
	{name: "maxconn", in: inFrontends, grade: supported, args: number(0, 1<<31-1), do: func(_ *translation, p *proxy, s statement) { p.maxconn = integer(s.args[0]) }, note: noteNotHTTP},
	{name: "backlog", in: inFrontends, grade: differs, args: number(0, 1<<31-1), do: func(_ *translation, p *proxy, s statement) { p.backlog = integer(s.args[0]) }, note: noteBacklog},
	{name: "rate-limit sessions", in: inFrontends, grade: supported, args: number(0, 1<<31-1), do: func(_ *translation, p *proxy, s statement) { p.sessionRate = integer(s.args[0]) }, note: noteNotHTTP},
	{name: "fullconn", in: inBackends, grade: supported, args: number(0, 1<<31-1), do: func(_ *translation, p *proxy, s statement) { p.fullconn = integer(s.args[0]) }},
	{name: "filter|filter-sequence", in: inSections, grade: refused, note: "filters (compression, bandwidth limits, SPOE) are not available"},
	{name: "be-unpublished", in: inBackends, grade: refused, note: "a backend cannot be published later; expected 'disabled', or the backend left out until it is needed"},
	{name: "force-be-switch", in: inFrontend, grade: refused, note: "a disabled backend never gets connections; expected 'enabled' in the backend"},
	{name: "quic-initial", in: inFrontends, grade: ignored, args: someArgs, note: noteQUIC},
	{name: "ssl-f-use", in: inFrontend, grade: refused, note: "expected 'crt' in the bind line"},
	{name: "declare capture", in: inFrontend, grade: ignored, strict: true, args: someArgs, do: declareCapture, note: noteDeclared},
}

var routingKeywords = []keyword{
	{name: "acl", in: inProxies, grade: supported, args: someArgs, do: addACL},
	{name: "use_backend", in: inFrontend, grade: differs, do: addUse, note: "rules for exact names are looked up in one table"},
	{name: "default_backend", in: inFrontends, grade: supported, do: setDefaultBackend},
	{name: "use-server", in: inSections, grade: supported, do: addUseServer},
	{name: "server", in: inBackend, grade: differs, strict: true, do: addServer, note: "a host name is looked up when it is first needed, and again while it is in use, not once at start"},
	{name: "default-server", in: inBackends, grade: supported, strict: true, do: setDefaultServer},
	{name: "server-template", in: inBackend, grade: differs, strict: true, do: addServerTemplate, note: noteTemplate},
	{name: "dispatch", in: inBackend, grade: refused, note: "HAProxy removed it in 3.5; expected a server line"},
	{name: "transparent|option transparent", in: inBackends, grade: refused, note: "HAProxy removed it in 3.5; expected servers with addresses"},
	{name: "source", in: inBackends, grade: differs, do: setSource, note: noteSource},
	{name: "usesrc", in: inBackends, grade: supported, strict: true, do: func(t *translation, _ *proxy, s statement) { t.errorf(s.Pos, "%v", errUsesrc) }},
}

var balancingKeywords = []keyword{
	{name: "balance", in: inBackends, grade: differs, do: setBalance, note: "all algorithms of mode tcp except rdp-cookie; random tries another server where HAProxy waits for a full one. The default is roundrobin, as up to HAProxy 3.2; with HAPROXY_BRANCH=3.3 or later in the environment it is random, as in later versions"},
	{name: "hash-type", in: inBackends, grade: supported, args: someArgs, do: setHashType},
	{name: "hash-balance-factor", in: inBackends, grade: supported, args: someArgs, do: setHashFactor},
	{name: "hash-preserve-affinity", in: inBackends, grade: supported, args: oneAffinity, do: setHashAffinity},
	{name: "retries", in: inBackends, grade: supported, args: number(0, 100), do: func(_ *translation, p *proxy, s statement) { p.retries = new(integer(s.args[0])) }},
	{name: "option redispatch", in: inBackends, grade: supported, args: atMost(1), do: setRedispatch},
	{name: "retry-on", in: inBackends, grade: differs, strict: true, args: someArgs, do: retryOn, note: "in mode tcp only failed connects are retried, as in HAProxy"},
	{name: "option allbackups", in: inBackends, grade: supported, args: noArgs, do: func(_ *translation, p *proxy, s statement) { p.allBackups = !s.not }},
	{name: "option abortonclose", in: inBackends, grade: supported, args: noArgs, do: func(_ *translation, p *proxy, s statement) { p.abortOnClose = !s.not }},
	{name: "load-server-state-from-file|server-state-file-name", in: inBackends, grade: ignored, args: oneArg, note: "counts and states survive a reload without a file"},
	{name: "max-session-srv-conns|max-keep-alive-queue", in: inProxies, grade: httpOnly, http: ignored, args: oneArg, note: "connections to servers are shared, and never reserved for a client"},
}

var inspectingKeywords = []keyword{
	{name: "tcp-request inspect-delay", in: inProxies, grade: supported, args: duration, do: setInspectDelay},
	{name: "tcp-request content", in: inProxies, grade: differs, do: contentRule, note: "a ClientHello may span several TLS records, and may be 64 KiB long"},
	{name: "tcp-request connection", in: inFrontend | inDefaults, grade: differs, strict: true, do: connectionRule, note: "a refused connection is logged"},
	{name: "tcp-request session", in: inFrontend | inDefaults, grade: differs, strict: true, do: sessionRule, note: "a refused connection is logged"},
	{name: "tcp-response content", in: inBackends, grade: differs, strict: true, do: responseRule, note: "with 'close' nothing reaches the client, as since HAProxy 3.0; before, it got the data received so far"},
	{name: "tcp-response inspect-delay", in: inBackends, grade: supported, strict: true, args: duration, do: setResponseDelay},
}

var timingKeywords = []keyword{
	timeoutKeyword("timeout client", inFrontends, func(t *timeouts) **time.Duration { return &t.client }),
	timeoutKeyword("timeout client-fin", inFrontends, func(t *timeouts) **time.Duration { return &t.clientFin }),
	timeoutKeyword("timeout server", inBackends, func(t *timeouts) **time.Duration { return &t.server }),
	timeoutKeyword("timeout server-fin", inBackends, func(t *timeouts) **time.Duration { return &t.serverFin }),
	timeoutKeyword("timeout connect", inBackends, func(t *timeouts) **time.Duration { return &t.connect }),
	timeoutKeyword("timeout tunnel", inBackends, func(t *timeouts) **time.Duration { return &t.tunnel }),
	timeoutKeyword("timeout queue", inBackends, func(t *timeouts) **time.Duration { return &t.queue }),
	timeoutKeyword("timeout check", inBackends, func(t *timeouts) **time.Duration { return &t.check }),
	timeoutKeyword("timeout client-hs", inFrontends, func(t *timeouts) **time.Duration { return &t.clientHandshake }),
	{name: "timeout http-request", in: inProxies, grade: httpOnly, args: duration, do: httpTimeout(func(w *httpOptions) **time.Duration { return &w.httpRequest })},
	{name: "timeout http-keep-alive", in: inProxies, grade: httpOnly, args: duration, do: httpTimeout(func(w *httpOptions) **time.Duration { return &w.keepIdle })},
	{name: "timeout tarpit", in: inProxies, grade: httpOnly, args: duration, do: httpTimeout(func(w *httpOptions) **time.Duration { return &w.tarpit })},
	removed("clitimeout", "2.1", "Use 'timeout client'"),
	removed("contimeout", "2.1", "Use 'timeout connect'"),
	removed("srvtimeout", "2.1", "Use 'timeout server'"),
	removed("redispatch", "2.1", "Use 'option redispatch'"),
	removed("grace", "2.5", "Sessions outlive a reload without it"),
	removed("block|reqallow|reqdel|reqadd|reqrep|reqirep|reqideny|reqdeny|rspadd|rspdel|rsprep|rspirep", "2.1", "Use Caddy's http app"),
	removed("appsession", "1.6", "Use 'stick'"),
}

// timeoutKeyword makes a keyword that sets one timeout.
func timeoutKeyword(name string, in sectionSet, field func(*timeouts) **time.Duration) keyword {
	return keyword{name: name, in: in, grade: supported, args: duration, do: func(t *translation, p *proxy, s statement) {
		*field(&p.timeouts) = new(milliseconds(s.args[0]))
		if n := integer(s.args[0]); n > 0 && n < 100 {
			t.warnf(s.Pos, "'%s' of %d milliseconds in %s is suspiciously small: expected a unit, such as %ds", s.keyword, n, p, n)
		}
	}}
}

// removed makes a keyword that HAProxy no longer has.
func removed(name, version, instead string) keyword {
	return keyword{name: name, in: inProxies, grade: refused, note: "the directive is not supported anymore since HAProxy " + version + ". " + instead}
}

const (
	noteLog    = "`profile` and `backend@` have no effect; a target that cannot be reached loses lines, but stops nothing"
	noteTCPLog = "a file without any `log` has Caddy's log instead: one line of JSON for each connection, on standard error"
)

const noteNotInAccessLog = "it is about sections of mode tcp; those of mode http have Caddy's access log"

const noteDeclared = "only rules of HTTP can fill its slot"

var loggingKeywords = []keyword{
	{name: "log", in: inProxies, grade: supported, do: addLog, note: noteLog},
	{name: "option tcplog", in: inProxies, fixed: true, grade: supported, args: clf, do: setTCPLog, note: noteTCPLog},
	{name: "log-format", in: inProxies, grade: differs, args: oneArg, do: setLogFormat(func(l *logging) *lineFormat { return &l.format }), note: noteNotInAccessLog},
	{name: "log-format-sd", in: inProxies, grade: differs, args: oneArg, do: setLogFormat(func(l *logging) *lineFormat { return &l.structured }), note: noteNotInAccessLog},
	{name: "error-log-format", in: inProxies, grade: differs, args: oneArg, do: setLogFormat(func(l *logging) *lineFormat { return &l.failed }), note: noteNotInAccessLog},
	{name: "log-steps", in: inProxies, grade: differs, args: logStepList, do: setLogSteps, note: noteLogSteps},
	{name: "option dontlognull", in: inFrontends, grade: differs, args: noArgs, do: logOption(func(l *logging) *bool { return &l.nullNo }), note: noteNotInAccessLog},
	{name: "option dontlog-normal", in: inFrontends, grade: differs, args: noArgs, do: logOption(func(l *logging) *bool { return &l.normalNo }), note: noteNotInAccessLog},
	{name: "option logasap", in: inFrontends, grade: differs, args: noArgs, do: logOption(func(l *logging) *bool { return &l.asap }), note: noteNotInAccessLog},
	{name: "option log-separate-errors", in: inFrontends, grade: differs, args: noArgs, do: logOption(func(l *logging) *bool { return &l.separate }), note: noteNotInAccessLog},
	{name: "option contstats", in: inFrontends, grade: ignored, args: noArgs, note: "counts are always current"},
	{name: "option socket-stats", in: inFrontends, grade: ignored, args: noArgs, note: "listeners are counted anyway, and shown where 'show stat' names their type"},
	{name: "log-tag", in: inProxies, grade: supported, args: logTag, do: setLogTag},
	{name: "unique-id-format", in: inProxies, grade: differs, args: oneArg, do: setUniqueID, note: noteUniqueID},
	{name: "unique-id-header", in: inProxies, grade: httpOnly, http: refused, args: someArgs, note: "requests are not numbered"},
	{name: "email-alert", in: inProxies, grade: ignored, args: someArgs, note: "there are no mail alerts"},
}

var stickingKeywords = []keyword{
	{name: "stick-table", in: inSections, grade: supported, args: someArgs, do: addTable, note: "`write-to` does nothing. Entries survive reloads"},
	{name: "stick on|stick match|stick store-request|stick store-response", in: inBackend, grade: supported, do: addStick},
	{name: "persist", in: inBackends, grade: refused, note: "RDP cookies are not available"},
	{name: "option persist", in: inBackends, grade: supported, args: noArgs, do: func(_ *translation, p *proxy, s statement) { p.persist = !s.not }},
	{name: "force-persist|ignore-persist", in: inBackend, grade: supported, do: addPersistRule},
}

var optionKeywords = []keyword{
	{name: "option tcpka", in: inProxies, grade: differs, fixed: true, args: noArgs, do: setProbing(ofServers, ofClients), note: "as option srvtcpka and option clitcpka"},
	{name: "option clitcpka", in: inFrontends, grade: differs, args: noArgs, do: setProbing(ofClients), note: noteClientProbes},
	{name: "clitcpka-cnt", in: inFrontends, grade: supported, args: number(1, 1<<31-1), do: setProbeCount(ofClients), note: noteNotHTTP},
	{name: "clitcpka-idle", in: inFrontends, grade: supported, args: duration, do: setProbeIdle(ofClients), note: noteNotHTTP},
	{name: "clitcpka-intvl", in: inFrontends, grade: supported, args: duration, do: setProbeInterval(ofClients), note: noteNotHTTP},
	{name: "option srvtcpka", in: inBackends, grade: differs, args: noArgs, do: setProbing(ofServers), note: noteServerProbes},
	{name: "srvtcpka-cnt", in: inBackends, grade: supported, args: number(1, 1<<31-1), do: setProbeCount(ofServers)},
	{name: "srvtcpka-idle", in: inBackends, grade: supported, args: duration, do: setProbeIdle(ofServers)},
	{name: "srvtcpka-intvl", in: inBackends, grade: supported, args: duration, do: setProbeInterval(ofServers)},
	{name: "option splice-auto|option splice-request|option splice-response", in: inProxies, grade: ignored, args: noArgs, note: "it saves copies, and changes nothing else"},
	{name: "option tcp-smart-accept", in: inFrontends, grade: supported, args: noArgs},
	{name: "option tcp-smart-connect", in: inBackends, grade: supported, args: noArgs},
	{name: "option http-no-delay", in: inProxies, grade: ignored, args: noArgs, note: "it is about single TCP packets"},
	{name: "option nolinger", in: inProxies, grade: differs, args: noArgs, do: func(_ *translation, p *proxy, s statement) { p.noLinger = !s.not }, note: "in mode http it has no effect"},
	{name: "option independent-streams", in: inProxies, grade: differs, warn: true, args: noArgs, note: "traffic in either direction restarts the timeouts of both sides, as in HAProxy without it"},
	{name: "option idle-close-on-response|option use-small-buffers", in: inProxies, grade: httpOnly, http: ignored, note: "it is about HAProxy's own connections and memory"},
}

func customID(args []string) error {
	if number(1, 1<<31-1)(args) != nil {
		return errors.New(": custom id has to be > 0")
	}
	return nil
}

// setID sets the id of a section, which must be unique. Only the fetches fe_id and be_id use it.
func setID(t *translation, p *proxy, s statement) {
	id := integer(s.args[0])
	if other := t.ids[id]; other != nil {
		t.errorf(s.Pos, "%s has the same custom id %d as %s (declared at %s)", p, id, other, other.Pos)
	}
	t.ids[id], p.id = p, id
}
