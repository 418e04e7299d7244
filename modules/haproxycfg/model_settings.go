// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"slices"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

// settings are inherited from defaults.
type settings struct {
	mode          string
	disabled      bool
	balance       balance
	retries       *int
	retryOn       []string
	redispatch    int // of "option redispatch N"; 0: off
	allBackups    bool
	abortOnClose  bool   // option abortonclose
	persist       bool   // option persist
	noLinger      bool   // option nolinger
	probes        probes // of servers
	clientProbes  probes
	source        balancer.SocketOptions // source, with usesrc and interface
	maxconn       int
	sessionRate   int // rate-limit sessions
	backlog       int // 0: not given
	fullconn      int
	timeouts      timeouts
	defaultServer server // default-server
	check         healthCheck
	connection    []rule
	session       []rule
	content       []rule
	httpOptions   httpOptions
	response      []rule
	inspect       time.Duration
	lines         []haproxyfile.Line // with those of defaults, for skipped sections
	monitorURI    string
	statistics    *statsPage
	uniqueID      uniqueID
	targets       []*logTarget // log
	tag           string       // log-tag
	logging       logging

	responseDelay time.Duration // tcp-response inspect-delay

	// invalid is set if a line had an error. A setting that seems to be missing may have been in that
	// line, so nothing missing is reported.
	invalid bool
}

// timeouts are nil unless given. HAProxy then waits forever.
type timeouts struct {
	client, clientFin, clientHandshake, server, serverFin, connect, queue, tunnel, check *time.Duration
}

// inherit copies the settings of a defaults section.
func (p *proxy) inherit(from *proxy) {
	p.settings = from.settings
	// Copies, since rules are appended.
	p.connection = slices.Clone(p.connection)
	p.session = slices.Clone(p.session)
	p.content = slices.Clone(p.content)
	p.response = slices.Clone(p.response)
	p.check.inherit()
}
