// SPDX-License-Identifier: Apache-2.0

package haproxycfg

// tuningKeywords are tune.*: none of them changes which server gets the traffic.
var tuningKeywords = []keyword{
	{name: "tune.bufsize", in: inGlobal, grade: differs, args: someArgs, note: "a ClientHello may be 64 KiB long, regardless of the buffer"},
	{name: anyOf(`
		tune.buffers.limit
		tune.buffers.reserve
		tune.bufsize.small
		tune.chksize
		tune.comp.maxlevel
		tune.disable-fast-forward
		tune.disable-zero-copy-forwarding
		tune.epoll.mask-events
		tune.events.max-events-at-once
		tune.fail-alloc
		tune.fd.edge-triggered
		tune.glitches.kill.cpu-usage
		tune.h1.zero-copy-fwd-recv
		tune.h1.zero-copy-fwd-send
		tune.h2.be.glitches-threshold
		tune.h2.be.initial-window-size
		tune.h2.be.max-concurrent-streams
		tune.h2.fe.glitches-threshold
		tune.h2.fe.initial-window-size
		tune.h2.fe.max-concurrent-streams
		tune.h2.fe.max-total-streams
		tune.h2.header-table-size
		tune.h2.initial-window-size
		tune.h2.max-concurrent-streams
		tune.h2.max-frame-size
		tune.http.cookielen
		tune.http.logurilen
		tune.http.maxhdr
		tune.idle-pool.shared
		tune.idletimer
		tune.listener.default-shards
		tune.listener.multi-queue
		tune.lua.bool-sample-conversion
		tune.lua.forced-yield
		tune.lua.log.loggers
		tune.lua.log.stderr
		tune.lua.maxmem
		tune.lua.service-timeout
		tune.lua.session-timeout
		tune.lua.task-timeout
		tune.max-checks-per-thread
		tune.maxaccept
		tune.maxpollevents
		tune.maxrewrite
		tune.memory.hot-size
		tune.notsent-lowat.client
		tune.notsent-lowat.server
		tune.pattern.cache-size
		tune.peers.max-updates-at-once
		tune.pipesize
		tune.pool-high-fd-ratio
		tune.pool-low-fd-ratio
		tune.pt.zero-copy-forwarding
		tune.quic.frontend.max-idle-timeout
		tune.rcvbuf.backend
		tune.rcvbuf.client
		tune.rcvbuf.frontend
		tune.rcvbuf.server
		tune.recv_enough
		tune.ring.queues
		tune.runqueue-depth
		tune.sched.low-latency
		tune.sndbuf.backend
		tune.sndbuf.client
		tune.sndbuf.frontend
		tune.sndbuf.server
		tune.ssl.cachesize
		tune.ssl.capture-buffer-size
		tune.ssl.capture-cipherlist-size
		tune.ssl.certificate-compression
		tune.ssl.default-dh-param
		tune.ssl.force-private-cache
		tune.ssl.hard-maxrecord
		tune.ssl.keylog
		tune.ssl.lifetime
		tune.ssl.maxrecord
		tune.ssl.ssl-ctx-cache-size
		tune.takeover-other-tg-connections
		tune.vars.check-max-size
		tune.vars.global-max-size
		tune.vars.proc-max-size
		tune.vars.reqres-max-size
		tune.vars.sess-max-size
		tune.vars.txn-max-size
		tune.zlib.memlevel
		tune.zlib.windowsize
	`), in: inGlobal, grade: ignored, args: oneArg, note: noteTuning},
}

// newerKeywords are the keywords of global that were added in HAProxy 3.3 to 3.5.
var newerKeywords = []keyword{
	{name: "cpu-affinity|max-threads-per-group|force-cfg-parser-pause|stress-level|warn-blocked-traffic-after", in: inGlobal, grade: ignored, note: noteProcess},
	{name: "http-err-codes|http-fail-codes|jwt.allow_none_alg|jwt.decrypt_alg_list|jwt.decrypt_enc_list", in: inGlobal, grade: ignored, note: noteHTTP},
	{name: anyOf(`
		ocsp-update.disable ocsp-update.httpproxy ocsp-update.maxdelay ocsp-update.mindelay
		ocsp-update.mode ssl-passphrase-cmd noktls
	`), in: inGlobal, grade: ignored, note: noteTLS},
	{name: "acme.scheduler", in: inGlobal, grade: ignored, note: "Caddy gets certificates by itself"},
	{name: anyOf(`
		tune.applet.zero-copy-forwarding
		tune.bufsize.large
		tune.cli.max-payload-size
		tune.defaults.purge
		tune.h1.be.glitches-threshold
		tune.h1.fe.glitches-threshold
		tune.h2.be.max-frames-at-once
		tune.h2.be.rxbuf
		tune.h2.fe.max-frames-at-once
		tune.h2.fe.max-rst-at-once
		tune.h2.fe.rxbuf
		tune.h2.log-errors
		tune.h2.zero-copy-fwd-send
		tune.lua.burst-timeout
		tune.lua.openlibs
		tune.max-rules-at-once
		tune.renice.runtime
		tune.renice.startup
		tune.ssl.keyupdate-rate-limit
		tune.ssl.ocsp-update.maxdelay
		tune.ssl.ocsp-update.mindelay
		tune.streams-elasticity
	`), in: inGlobal, grade: ignored, args: oneArg, note: noteTuning},
	{name: anyOf(`
		tune.quic.be.cc.cubic-min-losses
		tune.quic.be.cc.hystart
		tune.quic.be.cc.max-frame-loss
		tune.quic.be.cc.max-win-size
		tune.quic.be.cc.reorder-ratio
		tune.quic.be.max-idle-timeout
		tune.quic.be.sec.glitches-threshold
		tune.quic.be.stream.data-ratio
		tune.quic.be.stream.max-concurrent
		tune.quic.be.stream.rxbuf
		tune.quic.be.tx.pacing
		tune.quic.be.tx.udp-gso
		tune.quic.cc-hystart
		tune.quic.cc.cubic.min-losses
		tune.quic.disable-tx-pacing
		tune.quic.disable-udp-gso
		tune.quic.fe.cc.cubic-min-losses
		tune.quic.fe.cc.hystart
		tune.quic.fe.cc.max-frame-loss
		tune.quic.fe.cc.max-win-size
		tune.quic.fe.cc.reorder-ratio
		tune.quic.fe.max-idle-timeout
		tune.quic.fe.sec.glitches-threshold
		tune.quic.fe.sec.retry-threshold
		tune.quic.fe.sock-per-conn
		tune.quic.fe.stream.data-ratio
		tune.quic.fe.stream.max-concurrent
		tune.quic.fe.stream.max-total
		tune.quic.fe.stream.rxbuf
		tune.quic.fe.tx.pacing
		tune.quic.fe.tx.udp-gso
		tune.quic.frontend.default-max-window-size
		tune.quic.frontend.glitches-threshold
		tune.quic.frontend.max-data-size
		tune.quic.frontend.max-streams-bidi
		tune.quic.frontend.max-tx-mem
		tune.quic.frontend.stream-data-ratio
		tune.quic.listen
		tune.quic.max-frame-loss
		tune.quic.mem.tx-max
		tune.quic.reorder-ratio
		tune.quic.retry-threshold
		tune.quic.socket-owner
		tune.quic.zero-copy-fwd-send
	`), in: inGlobal, grade: ignored, note: noteQUIC},
}
