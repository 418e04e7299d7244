// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"reflect"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/relay"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
	"github.com/caddy-passthrough/caddy-passthrough/modules/stick"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tally"
)

// Default and maximum of Backend.Retries.
const (
	DefaultRetries = 3
	MaxRetries     = 100
)

// Backend is a set of interchangeable servers, and the way connections are spread over them.
type Backend struct {
	// BalanceRaw is the policy that picks a server for each connection. Default: {"policy":
	// "roundrobin"}.
	BalanceRaw json.RawMessage `json:"balance,omitempty" caddy:"namespace=passthrough.policies inline_key=policy"`

	// Servers are in the order that policies see. Required; a backend with an empty list serves no
	// connections.
	Servers []*Server `json:"servers,omitzero"`

	// ServerTemplates stand for further servers, whose addresses are found at run time. Policies see
	// these after the others.
	ServerTemplates []*ServerTemplate `json:"server_templates,omitempty"`

	// AllBackups lets the policy choose among all backups if no other server is usable. Default: only
	// the first usable backup serves. It is HAProxy's option allbackups.
	AllBackups bool `json:"allbackups,omitempty"`

	// UseServer are rules that name a server: the first matching rule whose server is up decides
	// instead of the policy. If that server is full, the connection is queued for it. They are
	// HAProxy's use-server.
	UseServer []*UseServer `json:"use_server,omitempty"`

	// Persist makes use_server and stick rules apply even if their server is down or disabled;
	// connections stay queued for it when it goes down. It is HAProxy's option persist.
	Persist bool `json:"persist,omitempty"`

	// PersistRules do the same for the connections that they match. The first match decides. They are
	// evaluated before content, when the connection enters the backend.
	PersistRules []*PersistRule `json:"persist_rules,omitempty"`

	// Stick sends clients back to the server that they had, whatever its weight and load, unless it is
	// down. use_server rules decide before. It is HAProxy's stick on and the like.
	Stick *stick.Backend `json:"stick,omitempty"`

	// ID is the backend's number, which the sample fetch be_id returns. It is HAProxy's id.
	ID int `json:"id,omitempty"`

	// Content are rules on the client's first bytes, evaluated once this backend has been chosen. They
	// are HAProxy's tcp-request content in a backend.
	Content *rules.Config `json:"content,omitempty"`

	// Response are rules on the server's first bytes, which are held back until the rules have
	// decided: accept, close, reset (of the server's connection), and those that set variables. They
	// are HAProxy's tcp-response content.
	Response *rules.Config `json:"response,omitempty"`

	// Check configures the health checks of servers without a check of their own.
	Check *Check `json:"check,omitempty"`

	// Agent configures the agent checks of servers without an agent of their own.
	Agent *Agent `json:"agent,omitempty"`

	// Passive takes a server out for a while when clients fail to connect to it. It works with and
	// without health checks. Default: off.
	Passive *Passive `json:"passive,omitempty"`

	// FullConn is the number of connections of the backend at which its servers reach their maxconn,
	// starting from their minconn. Required if a server has minconn below maxconn. It is HAProxy's
	// fullconn.
	FullConn int `json:"fullconn,omitempty"`

	// Retries is the number of times that a failed connect is retried, 0 to 100. Default: 3. It is
	// HAProxy's retries.
	Retries *int `json:"retries,omitempty"`

	// Redispatch selects the server of a retry: true (another one), false (the same one) or the number
	// of HAProxy's option redispatch. Default: true.
	Redispatch *Redispatch `json:"redispatch,omitempty"`

	// RetryBudget limits the retries of all connections together. Default: none.
	RetryBudget *RetryBudget `json:"retry_budget,omitempty"`

	// Site passes the connections of frontends on to the HTTP server of this process that listens on
	// passthrough/SITE, with the client's address and all bytes read so far. Such a backend needs no
	// servers; its servers are for the HTTP handler passthrough_backend. HAProxy does the same if a
	// frontend in mode tcp uses a backend in mode http.
	Site string `json:"site,omitempty"`

	// Preconnect is the number of connections that are kept ready to each usable server that is not
	// one of a template, up to its maxconn, 0 to 1000, so that a client does not wait for a connect.
	// It is an error with servers
	// that are to see the client's address, or whose address depends on the client. Default: 0.
	Preconnect int `json:"preconnect,omitempty"`

	// PreconnectMaxAge is the age at which a connection that no client has used is replaced. It should
	// be less than the time for which the server waits for a client's first bytes. Default: 30s.
	PreconnectMaxAge caddy.Duration `json:"preconnect_max_age,omitempty"`

	// AbortOnClose ends a queued connection when the client closes its sending side. Otherwise only a
	// broken connection ends it. It is HAProxy's option abortonclose.
	AbortOnClose bool `json:"abortonclose,omitempty"`

	// NoLinger ends a session when its client finishes, and closes the connection to the server by RST
	// then, unless the server has finished before. It is HAProxy's option nolinger in a backend.
	NoLinger bool `json:"nolinger,omitempty"`

	// AllowLocalAddresses allows a host that depends on the connection, such as {l4.client_hello.sni},
	// to resolve to a loopback, link-local or unspecified address, or to one of this system. Without
	// it no connection is made to a host with such an address: clients could choose a name that leads
	// to internal services of this system. The same applies to destinations that rules choose.
	AllowLocalAddresses bool `json:"allow_local_addresses,omitempty"`

	// AllowDestinations lists the networks and addresses that clients and the DNS may choose, by a
	// host that depends on the connection or by the destination of the connection (a server *:443,
	// rules set_dst and do_resolve). Local ones are allowed if they are listed. Default: all but those
	// that AllowLocalAddresses allows.
	AllowDestinations []string `json:"allow_destinations,omitempty"`

	// NameOptions are those of servers without their own.
	NameOptions

	// SocketOptions are those of servers without their own.
	SocketOptions

	// ProxyHeader is that of servers without their own.
	ProxyHeader

	// Timeouts are the timeouts of connections to this backend.
	Timeouts Timeouts `json:"timeouts,omitzero"`

	// Origin is the place of the backend and of some of its options in a Caddyfile. The Caddyfile
	// adapter writes it; only error messages use it.
	Origin options.Origin `json:"origin,omitempty"`

	configured int // number of servers that are no slots of templates

	name      string
	policy    string // its module name
	pool      *pool.Pool
	sockets   map[string]*relay.SocketOptions // by the server's name; nil: none
	headers   map[string]*ProxyHeader         // by the server's name; nil: no server gets one
	inline    inline
	ready     *readyServers     // nil: no connections are made before there are clients
	sticky    *stickyServers    // nil without Stick
	following *following        // nil before it is provisioned
	extra     *addedServers     // nil before it is provisioned
	allowed   []netip.Prefix    // of AllowDestinations
	written   *options.Recorder // while a Caddyfile is parsed
}

// Provision sets up the backend under its name.
func (b *Backend) Provision(ctx caddy.Context, name string) error {
	if err := b.provision(ctx, name); err != nil {
		return options.Locate(b.Origin.Block(), fmt.Errorf("backend %q: %w", name, err))
	}
	return nil
}

// Name returns the name under which the backend was provisioned.
func (b *Backend) Name() string { return b.name }

// Policy returns the name of the policy.
func (b *Backend) Policy() string { return b.policy }

// Traffic returns where to count the connections of the backend, when they end.
func (b *Backend) Traffic() *tally.Split[pool.BackendTraffic] { return b.pool.Traffic() }

// Pool returns the backend's pool. It is valid after Provision.
func (b *Backend) Pool() *pool.Pool { return b.pool }

// Close releases the hold on the backend's counts. Connections that use the backend may continue.
func (b *Backend) Close() {
	if b != nil && b.pool != nil {
		b.pool.Close()
	}
}

// Empty reports whether no option is set.
func (b *Backend) Empty() bool {
	bare := *b
	bare.name, bare.pool, bare.headers = "", nil, nil
	bare.Origin, bare.written, bare.ready, bare.extra, bare.following = "", nil, nil, nil, nil
	return reflect.ValueOf(bare).IsZero()
}
