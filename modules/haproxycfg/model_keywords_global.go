// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"errors"
	"slices"
)

const (
	noteProcess = "it is about HAProxy's own process"
	noteTLS     = "TLS does not end here"

	noteDefaultTLS       = "it is for checks over TLS"
	noteUnusedDefaultTLS = "no server has check-ssl, and TLS begins nowhere else here"

	noteLogging = "each connection is one JSON line of Caddy's log instead, on standard error, with the same fields"
	noteSyslog  = "it is for syslog, and the log is Caddy's"
	noteTuning  = "it tunes HAProxy's own memory and sockets"
	noteAdmin   = "no socket is opened: Caddy's admin endpoint is the run-time interface, at localhost:2019 or where CADDY_ADMIN in the environment says, with commands of its own"
	noteUser    = "the process keeps the user that it is started as: start it as that user, with User= in a unit file, and AmbientCapabilities=CAP_NET_BIND_SERVICE for ports below 1024"
	noteLookup  = "host names are looked up by the system's resolver"
	noteHTTP    = "it is for mode http"
	noteQUIC    = "QUIC is not TCP"
)

// globalKeywords are the keywords of the section global.
var globalKeywords = newTable([]keyword{
	{name: "maxconn", in: inGlobal, grade: pending, args: number(0, 1<<31-1), do: func(t *translation, _ *proxy, s statement) { t.maxconn = integer(s.args[0]) }, note: "as many connections are accepted as the limit of open files allows"},
	{name: "maxconnrate|maxsessrate", in: inGlobal, grade: pending, args: number(0, 1<<31-1), note: "rates are not limited"},
	{name: "maxsslconn|maxsslrate", in: inGlobal, grade: ignored, args: number(0, 1<<31-1), note: noteTLS},
	{name: "maxcomprate", in: inGlobal, grade: ignored, args: number(0, 1<<31-1), note: noteHTTP},
	{name: "log", in: inGlobal, grade: differs, warn: true, args: logTarget, note: noteLogging},
	{name: "log-tag", in: inGlobal, grade: ignored, args: oneArg, note: noteSyslog},
	{name: "log-send-hostname", in: inGlobal, grade: ignored, args: atMost(1), note: noteSyslog},
	{name: "stats socket", in: inGlobal, grade: differs, warn: true, args: statsSocket, do: func(t *translation, _ *proxy, _ statement) { t.hasSocket = true }, note: noteAdmin},
	{name: "stats timeout|stats maxconn|stats bind-process", in: inGlobal, grade: differs, warn: true, args: someArgs, note: noteAdmin},
	{name: "hard-stop-after", in: inGlobal, grade: differs, args: duration, do: func(t *translation, _ *proxy, s statement) { t.hardStop = milliseconds(s.args[0]) }, note: "it is how long connections may take to finish when the process ends (SIGTERM too, where HAProxy cuts them at once), 30 s without it; a reload leaves them alone"},
	{name: "grace|close-spread-time", in: inGlobal, grade: ignored, args: duration, note: "a reload closes no connection, and no listening socket that the new configuration has"},
	{name: "spread-checks", in: inGlobal, grade: supported, args: spreadChecks, do: func(t *translation, _ *proxy, s statement) { t.spread = integer(s.args[0]) }},
	{name: "max-spread-checks", in: inGlobal, grade: ignored, args: duration, note: "the first checks of servers are spread over their interval"},
	{name: "server-state-base|server-state-file|stats-file|shm-stats-file|shm-stats-file-max-objects", in: inGlobal, grade: ignored, args: oneArg, note: "counts and states live on over a reload without a file"},
	{name: "setenv|presetenv", in: inGlobal, grade: supported}, // followed by the reader
	{name: "unsetenv|resetenv", in: inGlobal, grade: supported},
	{name: "default-path", in: inGlobal, grade: differs, args: between(1, 2), do: defaultPath, note: "relative file names begin at the first file, not at the working directory"},

	{name: "daemon", in: inGlobal, grade: differs, warn: true, args: noArgs, note: "the process stays in the foreground: let a service manager run it, or 'caddy start' in place of 'caddy run'"},
	{name: "user|group|uid|gid", in: inGlobal, grade: differs, warn: true, args: oneArg, note: noteUser},
	{name: "setcap", in: inGlobal, grade: differs, warn: true, args: someArgs, note: noteUser},
	{name: "chroot", in: inGlobal, grade: differs, warn: true, args: oneArg, note: "the process is not confined to a directory: let a unit file do that, with ProtectSystem=strict or RootDirectory="},
	{name: "pidfile", in: inGlobal, grade: differs, warn: true, args: oneArg, note: "no file is written for it: expected 'caddy run --pidfile FILE'"},
	{name: "unix-bind", in: inGlobal, grade: differs, do: setUnixBind, note: "the prefix and the mode are those of the sockets of bind; their owner is not set, so one is an error where a bind line has a path"},
	{name: "harden.reject-privileged-ports.tcp", in: inGlobal, grade: differs, do: privilegedPorts, note: "'on' is an error: expected tcp-request connection reject if { src_port lt 1024 }"},
	{name: "harden.reject-privileged-ports.quic", in: inGlobal, grade: ignored, args: someArgs, note: noteQUIC},
	{name: "dns-accept-family", in: inGlobal, grade: differs, warn: true, args: someArgs, note: noteLookup},
	{name: "quiet|busy-polling|noepoll|nopoll|nokqueue|noevports|noreuseport|nogetaddrinfo|strict-limits|zero-warning|insecure-setuid-wanted|no-memory-trimming", in: inGlobal, grade: ignored, args: noArgs, note: noteProcess},
	{name: "master-worker|set-dumpable", in: inGlobal, grade: ignored, args: atMost(1), note: noteProcess},
	{name: "node|localpeer", in: inGlobal, grade: ignored, args: oneArg, note: noteProcess},
	{name: "nbthread", in: inGlobal, grade: ignored, args: number(1, 4096), note: noteProcess},
	{name: "thread-groups|thread-group|thread-hard-limit|cpu-map|cpu-set|cpu-policy|numa-cpu-mapping|cluster-secret|anonkey|mworker-max-reloads|ulimit-n|fd-hard-limit", in: inGlobal, grade: ignored, note: noteProcess},
	{name: "description", in: inGlobal, grade: ignored, note: "it is a comment"},
	{name: "external-check", in: inGlobal, grade: supported, args: permitArgs, do: permitExternal},
	{name: "insecure-fork-wanted", in: inGlobal, grade: ignored, note: "external checks run without it"},
	{name: "prealloc-fd|pp2-never-send-local|expose-deprecated-directives|expose-experimental-directives|h1-accept-payload-with-any-method|h1-case-adjust|h1-case-adjust-file|h1-do-not-close-on-insecure-transfer-encoding|h2-workaround-bogus-websocket-clients", in: inGlobal, grade: ignored, note: "nothing that runs here asks for it"},
	{name: "maxpipes|maxzlibmem|maxcompcpuusage|nosplice|nosslv3", in: inGlobal, grade: ignored, note: noteTuning},
	{name: "profiling.tasks|profiling.memory|debug|51degrees-data-file|device-atlas-json-file|wurfl-data-file", in: inGlobal, grade: ignored, note: noteProcess},
	{name: "ca-base", in: inGlobal, grade: supported, args: oneArg, do: func(t *translation, _ *proxy, s statement) { t.caBase = s.args[0] }},
	{name: "ssl-server-verify", in: inGlobal, grade: supported, args: oneOf("none", "required"), do: func(t *translation, _ *proxy, s statement) { t.verifyNone = s.args[0] == "none" }},
	{name: "crt-base", in: inGlobal, grade: supported, args: oneArg, do: func(t *translation, _ *proxy, s statement) { t.crtBase = s.args[0] }, note: noteDefaultTLS},
	{name: "key-base", in: inGlobal, grade: ignored, args: oneArg, note: noteTLS},
	{name: "ssl-load-extra-files", in: inGlobal, grade: supported, args: someArgs, do: func(t *translation, _ *proxy, s statement) { t.extraFiles = s.args }, note: noteDefaultTLS},
	{name: "ssl-load-extra-del-ext", in: inGlobal, grade: supported, args: noArgs, do: func(t *translation, _ *proxy, _ statement) { t.extraDelExt = true }, note: noteDefaultTLS},
	{name: "ssl-default-server-options", in: inGlobal, grade: supported, args: someArgs, do: defaultTLSOptions, note: noteDefaultTLS},
	{name: "ssl-default-server-ciphers", in: inGlobal, grade: supported, args: oneArg, do: defaultTLS(func(s *tlsSettings) *tlsWord { return &s.ciphers }), note: noteDefaultTLS},
	{name: "ssl-default-server-ciphersuites", in: inGlobal, grade: supported, args: oneArg, do: defaultTLS(func(s *tlsSettings) *tlsWord { return &s.ciphersuites }), note: noteDefaultTLS},
	{name: "ssl-default-server-curves", in: inGlobal, grade: supported, args: oneArg, do: defaultTLS(func(s *tlsSettings) *tlsWord { return &s.curves }), note: noteDefaultTLS},
	{name: "ssl-default-server-sigalgs", in: inGlobal, grade: differs, args: oneArg, do: defaultTLS(func(s *tlsSettings) *tlsWord { return &s.sigalgs }), note: noteCannotCheck},
	{name: "ssl-default-server-client-sigalgs", in: inGlobal, grade: differs, args: oneArg, do: defaultTLS(func(s *tlsSettings) *tlsWord { return &s.clientSigalgs }), note: noteCannotCheck},
	{name: "issuers-chain-path|ssl-default-bind-ciphers|ssl-default-bind-ciphersuites|ssl-default-bind-curves|ssl-default-bind-options|ssl-default-bind-sigalgs|ssl-default-bind-client-sigalgs|ssl-dh-param-file|ssl-engine|ssl-mode-async|ssl-propquery|ssl-provider|ssl-provider-path|ssl-security-level|ssl-skip-self-issued-ca|limited-quic", in: inGlobal, grade: ignored, note: noteTLS},
	{name: "httpclient.resolvers.disabled|httpclient.resolvers.id|httpclient.resolvers.prefer|httpclient.retries|httpclient.ssl.ca-file|httpclient.ssl.verify|httpclient.timeout.connect", in: inGlobal, grade: ignored, note: "nothing that runs here asks for it"},
	{name: "set-var|set-var-fmt", in: inGlobal, grade: supported, do: sharedVariable},
	{name: "lua-load|lua-load-per-thread|lua-prepend-path", in: inGlobal, grade: refused, note: "there is no Lua: expected ACLs and tcp-request rules"},
	{name: "nbproc", in: inGlobal, grade: ignored, args: oneArg, note: "HAProxy removed it in 2.5; one process uses all cores"},
}, tuningKeywords, newerKeywords)

// tuningKeywords are tune.*: none changes who gets the traffic.
var tuningKeywords = []keyword{
	{name: "tune.bufsize", in: inGlobal, grade: differs, args: someArgs, note: "a ClientHello may have 64 KiB, whatever the buffer"},
	{name: "tune.maxrewrite|tune.buffers.limit|tune.buffers.reserve|tune.bufsize.small|tune.chksize|tune.comp.maxlevel|tune.disable-fast-forward|tune.disable-zero-copy-forwarding|tune.epoll.mask-events|tune.events.max-events-at-once|tune.fail-alloc|tune.fd.edge-triggered|tune.glitches.kill.cpu-usage|tune.h1.zero-copy-fwd-recv|tune.h1.zero-copy-fwd-send|tune.h2.be.glitches-threshold|tune.h2.be.initial-window-size|tune.h2.be.max-concurrent-streams|tune.h2.fe.glitches-threshold|tune.h2.fe.initial-window-size|tune.h2.fe.max-concurrent-streams|tune.h2.fe.max-total-streams|tune.h2.header-table-size|tune.h2.initial-window-size|tune.h2.max-concurrent-streams|tune.h2.max-frame-size|tune.http.cookielen|tune.http.logurilen|tune.http.maxhdr|tune.idle-pool.shared|tune.idletimer|tune.listener.default-shards|tune.listener.multi-queue|tune.lua.bool-sample-conversion|tune.lua.forced-yield|tune.lua.log.loggers|tune.lua.log.stderr|tune.lua.maxmem|tune.lua.service-timeout|tune.lua.session-timeout|tune.lua.task-timeout|tune.max-checks-per-thread|tune.maxaccept|tune.maxpollevents|tune.memory.hot-size|tune.notsent-lowat.client|tune.notsent-lowat.server|tune.pattern.cache-size|tune.peers.max-updates-at-once|tune.pipesize|tune.pool-high-fd-ratio|tune.pool-low-fd-ratio|tune.pt.zero-copy-forwarding|tune.quic.frontend.max-idle-timeout|tune.rcvbuf.backend|tune.rcvbuf.client|tune.rcvbuf.frontend|tune.rcvbuf.server|tune.recv_enough|tune.ring.queues|tune.runqueue-depth|tune.sched.low-latency|tune.sndbuf.backend|tune.sndbuf.client|tune.sndbuf.frontend|tune.sndbuf.server|tune.ssl.cachesize|tune.ssl.capture-buffer-size|tune.ssl.capture-cipherlist-size|tune.ssl.certificate-compression|tune.ssl.default-dh-param|tune.ssl.force-private-cache|tune.ssl.hard-maxrecord|tune.ssl.keylog|tune.ssl.lifetime|tune.ssl.maxrecord|tune.ssl.ssl-ctx-cache-size|tune.stick-counters|tune.takeover-other-tg-connections|tune.vars.check-max-size|tune.vars.global-max-size|tune.vars.proc-max-size|tune.vars.reqres-max-size|tune.vars.sess-max-size|tune.vars.txn-max-size|tune.zlib.memlevel|tune.zlib.windowsize", in: inGlobal, grade: ignored, args: oneArg, note: noteTuning},
}

// newerKeywords are the keywords of global that came with HAProxy 3.3 to 3.5.
var newerKeywords = []keyword{
	{name: "cpu-affinity|max-threads-per-group|force-cfg-parser-pause|stress-level|warn-blocked-traffic-after", in: inGlobal, grade: ignored, note: noteProcess},
	{name: "http-err-codes|http-fail-codes|jwt.allow_none_alg|jwt.decrypt_alg_list|jwt.decrypt_enc_list", in: inGlobal, grade: ignored, note: noteHTTP},
	{name: "ocsp-update.disable|ocsp-update.httpproxy|ocsp-update.maxdelay|ocsp-update.mindelay|ocsp-update.mode|ssl-passphrase-cmd|noktls", in: inGlobal, grade: ignored, note: noteTLS},
	{name: "acme.scheduler", in: inGlobal, grade: ignored, note: "Caddy gets certificates by itself"},
	{name: "tune.applet.zero-copy-forwarding|tune.bufsize.large|tune.cli.max-payload-size|tune.defaults.purge|tune.h1.be.glitches-threshold|tune.h1.fe.glitches-threshold|tune.h2.be.max-frames-at-once|tune.h2.be.rxbuf|tune.h2.fe.max-frames-at-once|tune.h2.fe.max-rst-at-once|tune.h2.fe.rxbuf|tune.h2.log-errors|tune.h2.zero-copy-fwd-send|tune.lua.burst-timeout|tune.lua.openlibs|tune.max-rules-at-once|tune.renice.runtime|tune.renice.startup|tune.ssl.keyupdate-rate-limit|tune.ssl.ocsp-update.maxdelay|tune.ssl.ocsp-update.mindelay|tune.streams-elasticity", in: inGlobal, grade: ignored, args: oneArg, note: noteTuning},
	{name: "tune.quic.be.cc.cubic-min-losses|tune.quic.be.cc.hystart|tune.quic.be.cc.max-frame-loss|tune.quic.be.cc.max-win-size|tune.quic.be.cc.reorder-ratio|tune.quic.be.max-idle-timeout|tune.quic.be.sec.glitches-threshold|tune.quic.be.stream.data-ratio|tune.quic.be.stream.max-concurrent|tune.quic.be.stream.rxbuf|tune.quic.be.tx.pacing|tune.quic.be.tx.udp-gso|tune.quic.cc-hystart|tune.quic.cc.cubic.min-losses|tune.quic.disable-tx-pacing|tune.quic.disable-udp-gso|tune.quic.fe.cc.cubic-min-losses|tune.quic.fe.cc.hystart|tune.quic.fe.cc.max-frame-loss|tune.quic.fe.cc.max-win-size|tune.quic.fe.cc.reorder-ratio|tune.quic.fe.max-idle-timeout|tune.quic.fe.sec.glitches-threshold|tune.quic.fe.sec.retry-threshold|tune.quic.fe.sock-per-conn|tune.quic.fe.stream.data-ratio|tune.quic.fe.stream.max-concurrent|tune.quic.fe.stream.max-total|tune.quic.fe.stream.rxbuf|tune.quic.fe.tx.pacing|tune.quic.fe.tx.udp-gso|tune.quic.frontend.default-max-window-size|tune.quic.frontend.glitches-threshold|tune.quic.frontend.max-data-size|tune.quic.frontend.max-streams-bidi|tune.quic.frontend.max-tx-mem|tune.quic.frontend.stream-data-ratio|tune.quic.listen|tune.quic.max-frame-loss|tune.quic.mem.tx-max|tune.quic.reorder-ratio|tune.quic.retry-threshold|tune.quic.socket-owner|tune.quic.zero-copy-fwd-send", in: inGlobal, grade: ignored, note: noteQUIC},
}

// negatable are the keywords of global that "no" and "default" may precede.
var negatable = []string{"log", "busy-polling", "set-dumpable", "strict-limits", "insecure-fork-wanted", "numa-cpu-mapping"}

func statsSocket(args []string) error {
	if len(args) == 0 {
		return errors.New("in global section expects an address or a path to a UNIX socket")
	}
	return nil
}

func spreadChecks(args []string) error {
	if number(0, 50)(args) != nil {
		return errors.New("needs a positive value in range 0..50")
	}
	return nil
}

func defaultPath(t *translation, _ *proxy, s statement) {
	switch s.args[0] {
	case "current":
		t.warnf(s.Pos, "'default-path current': relative file names begin at the directory of the first file, not at the working directory")
	case "config", "parent", "origin":
		t.setDirectory(s)
	default:
		t.errorf(s.Pos, "'default-path' expects 'current', 'config', 'parent' or 'origin PATH' but got '%s'", s.args[0])
	}
}

// setUnixBind reads "unix-bind [prefix PATH] [mode MODE] [user|group|uid|gid WHO]".
func setUnixBind(t *translation, _ *proxy, s statement) {
	for args := s.args; len(args) > 0; args = args[2:] {
		if !slices.Contains([]string{"prefix", "mode", "user", "group", "uid", "gid"}, args[0]) {
			t.errorf(s.Pos, "'unix-bind' only supports the 'prefix', 'mode', 'uid', 'gid', 'user' and 'group' options, and has '%s'", args[0])
			return
		}
		if len(args) < 2 {
			t.errorf(s.Pos, "'unix-bind %s' : missing value", args[0])
			return
		}
		switch args[0] {
		case "prefix":
			t.unixBind.prefix = args[1]
		case "mode":
			if err := octal(args[1]); err != nil {
				t.errorf(s.Pos, "'unix-bind mode' : %v", err)
				return
			}
			t.unixBind.mode = args[1]
		default:
			t.unixBind.owner = args[0]
		}
	}
}

func privilegedPorts(t *translation, _ *proxy, s statement) {
	switch s.arg(0) {
	case "off":
	case "on":
		t.errorf(s.Pos, "'%s on' is not available: expected 'tcp-request connection reject if { src_port lt 1024 }' in the frontends", s.keyword)
	default:
		t.errorf(s.Pos, "'%s' expects either 'on' or 'off' but got '%s'", s.keyword, s.arg(0))
	}
}
