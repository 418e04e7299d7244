// SPDX-License-Identifier: Apache-2.0

// Package redisstore shares stick tables between nodes by Redis or Valkey. It is the module
// passthrough.stick_stores.redis. The table stays in memory, where rules read
// and change it. Each change is written to Redis soon afterwards and published to the other nodes,
// which keep copies: of the server and the tags of an entry the last one that any node has set, and
// of counts and rates one for each node; rules see the sum. Only a key that the table lacks is
// looked up in Redis, for a limited time. While Redis is unreachable, each node goes on alone;
// afterwards they exchange their changes.
package redisstore

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/redis/go-redis/v9"

	"github.com/caddy-passthrough/caddy-passthrough/modules/checks"
	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/stick"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

func init() {
	caddy.RegisterModule(new(Redis))
	redis.SetLogger(silent{}) // the errors are returned, too, and logged once for an outage
}

// Defaults of Redis.
const (
	DefaultPrefix  = "passthrough"
	DefaultTimeout = 50 * time.Millisecond
)

// Redis shares a stick table by Redis 6 or later, or Valkey.
type Redis struct {
	// URL is the address: redis://HOST:PORT/DATABASE, rediss:// for TLS, or unix:///FILE. One of URL,
	// Sentinel and Cluster is required.
	URL string `json:"url,omitempty"`

	// Sentinel finds the address of the master by Redis Sentinel.
	Sentinel *Sentinel `json:"sentinel,omitempty"`

	// Cluster has the addresses, HOST:PORT, of nodes of a Redis Cluster; the others are found. All
	// entries of a table are on one of its nodes.
	Cluster []string `json:"cluster,omitempty"`

	// Username and Password authenticate this process. They may be placeholders such as
	// {env.REDIS_PASSWORD} or {file./run/secrets/redis}.
	Username string `json:"username,omitempty"`
	Password string `json:"password,omitempty"`

	// Database is the number of the database, with Sentinel. In a URL it is the path. Default: 0.
	Database int `json:"database,omitempty"`

	// TLS has the options of TLS. Default: no TLS, unless the URL is rediss://.
	TLS *checks.TLS `json:"tls,omitempty"`

	// Prefix begins the names of all keys. Nodes with the same prefix share tables of the same name.
	// Default: passthrough.
	Prefix string `json:"prefix,omitempty"`

	// Node is the name under which this node is shown. Default: the name of the host.
	Node string `json:"node,omitempty"`

	// Timeout limits the time that a connection waits for the server of its key. Default: 50ms.
	Timeout caddy.Duration `json:"timeout,omitempty"`

	settings settings
}

// Sentinel describes a master that Redis Sentinel watches.
type Sentinel struct {
	// Master is the name of the master.
	Master string `json:"master"`
	// Addresses are those of the sentinels, HOST:PORT.
	Addresses []string `json:"addresses"`
	// Username and Password authenticate this process at the sentinels. They may be placeholders.
	Username string `json:"username,omitempty"`
	Password string `json:"password,omitempty"`
}

// settings holds the options of shares. They outlive the configuration.
type settings struct {
	client       redis.UniversalOptions // without TLS
	tls          *checks.TLS            // nil: none
	prefix, node string
	timeout      time.Duration
}

// CaddyModule returns the Caddy module information.
func (*Redis) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "passthrough.stick_stores.redis",
		New: func() caddy.Module { return new(Redis) },
	}
}

// Provision validates the options. It does not connect: Redis may be down.
func (r *Redis) Provision(caddy.Context) error {
	if err := options.ValidateDuration("timeout", r.Timeout); err != nil {
		return err
	}
	r.setDefaults()
	if r.Timeout < caddy.Duration(time.Millisecond) || r.Timeout > caddy.Duration(maxTimeout) {
		return fmt.Errorf("timeout: %v: expected 1ms to %v, for which connections may wait", time.Duration(r.Timeout), maxTimeout)
	}
	if strings.ContainsAny(r.Prefix, "{}") || len(r.Prefix) > maxName {
		return fmt.Errorf("prefix %q: expected at most %d characters without { and }", r.Prefix, maxName)
	}
	if len(r.Node) > maxName {
		return fmt.Errorf("node %q: expected at most %d characters", r.Node, maxName)
	}
	client, err := r.clientOptions()
	if err != nil {
		return err
	}
	r.settings = settings{client, r.TLS, r.Prefix, r.Node, time.Duration(r.Timeout)}
	if r.TLS == nil {
		return nil
	}
	if err := r.TLS.Prepare(); err != nil {
		return fmt.Errorf("tls: %w", err)
	}
	return nil
}

// maxTimeout is the longest time that a connection may wait for Redis.
const maxTimeout = 10 * time.Second

func (r *Redis) setDefaults() {
	if r.Prefix == "" {
		r.Prefix = DefaultPrefix
	}
	if r.Timeout == 0 {
		r.Timeout = caddy.Duration(DefaultTimeout)
	}
	if r.Node == "" {
		r.Node, _ = os.Hostname()
		r.Node = r.Node[:min(len(r.Node), maxName)]
	}
}

// Share implements stick.Store.
func (r *Redis) Share(name string, t *tables.Table) stick.Share { return newShare(r.settings, name, t) }

// Equal implements stick.Store.
func (r *Redis) Equal(other stick.Store) bool {
	o, ok := other.(*Redis)
	return ok && reflect.DeepEqual(r.settings.client, o.settings.client) && r.settings.prefix == o.settings.prefix &&
		r.settings.node == o.settings.node && r.settings.timeout == o.settings.timeout && equalTLS(r.TLS, o.TLS)
}

// UnmarshalCaddyfile parses the options. Syntax:
//
//	store redis [<url>] {
//		url       redis://<host>:<port>/<database>
//		sentinel  <master> <host>:<port> … {
//			username <name>
//			password <password>
//		}
//		cluster   <host>:<port> …
//		username  <name>
//		password  <password>
//		database  <number>
//		tls {
//			<option of a check tls> …
//		}
//		prefix    <text>
//		node      <name>
//		timeout   <duration>
//	}
func (r *Redis) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	if d.NextArg() {
		r.URL = d.Val()
	}
	return options.Table{
		"url":      options.Text(&r.URL),
		"sentinel": options.Once(r.parseSentinel),
		"cluster":  options.Texts(&r.Cluster),
		"username": options.Text(&r.Username),
		"password": options.Text(&r.Password),
		"database": options.Int(&r.Database, 0, maxDatabase),
		"tls":      options.Once(r.parseTLS),
		"prefix":   options.Text(&r.Prefix),
		"node":     options.Text(&r.Node),
		"timeout":  options.Duration(&r.Timeout),
	}.ParseBlock(d)
}

// maxDatabase is the highest number of a database.
const maxDatabase = 1<<31 - 1

func (r *Redis) parseSentinel(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if len(args) < 2 {
		return d.Errf("sentinel: expected the name of the master, and addresses of sentinels")
	}
	r.Sentinel = &Sentinel{Master: args[0], Addresses: args[1:]}
	return options.Table{
		"username": options.Text(&r.Sentinel.Username),
		"password": options.Text(&r.Sentinel.Password),
	}.ParseBlock(d)
}

func (r *Redis) parseTLS(d *caddyfile.Dispenser) error {
	r.TLS = new(checks.TLS)
	return r.TLS.Options().ParseBlock(d)
}

// Interface guards
var (
	_ caddy.Module          = (*Redis)(nil)
	_ caddy.Provisioner     = (*Redis)(nil)
	_ caddyfile.Unmarshaler = (*Redis)(nil)
	_ stick.Store           = (*Redis)(nil)
)
