// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/caddy-passthrough/caddy-passthrough/modules/checks"
)

const (
	// connections is the number of connections that a table may use for lookups.
	connections = 16
	// patience is the time for a batch of writes, and for all else that no connection waits for.
	patience = 2 * time.Second
)

var errWhere = errors.New("expected one of url, sentinel and cluster")

// clientOptions returns the options of a client, without TLS.
func (r *Redis) clientOptions() (o redis.UniversalOptions, err error) {
	o = redis.UniversalOptions{
		PoolSize: connections, PoolTimeout: time.Duration(r.Timeout),
		DialTimeout: patience, DialerRetries: 1, ReadTimeout: patience, WriteTimeout: patience, ContextTimeoutEnabled: true, MaxRetries: -1,
		DB: r.Database, DisableIdentity: true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	given := 0
	for _, is := range []bool{r.URL != "", r.Sentinel != nil, len(r.Cluster) > 0} {
		if is {
			given++
		}
	}
	switch {
	case given != 1:
		return o, errWhere
	case r.URL != "":
		err = r.parseURL(&o)
	case r.Sentinel != nil:
		err = r.Sentinel.addTo(&o)
	default:
		o.Addrs, o.IsClusterMode = r.Cluster, true
		err = validateAddresses("cluster", o.Addrs)
		if err == nil && r.Database != 0 {
			err = fmt.Errorf("database %d: a Redis Cluster has the database 0 alone", r.Database)
		}
	}
	if err == nil {
		err = errors.Join(fill("username", &o.Username, r.Username), fill("password", &o.Password, r.Password))
	}
	return o, err
}

// parseURL sets what the URL says.
func (r *Redis) parseURL(to *redis.UniversalOptions) error {
	text, err := caddy.NewReplacer().ReplaceOrErr(r.URL, true, true)
	if err != nil {
		return fmt.Errorf("url: %w", err)
	}
	o, err := redis.ParseURL(text)
	if err != nil { // it may repeat the password
		return fmt.Errorf("url: expected redis://HOST:PORT/DATABASE, rediss://HOST:PORT or unix:///FILE")
	}
	if r.Database != 0 {
		return fmt.Errorf("database %d: with a url it is the path, as in redis://HOST:PORT/%d", r.Database, r.Database)
	}
	to.Addrs, to.DB, to.Username, to.Password = []string{o.Addr}, o.DB, o.Username, o.Password
	if o.TLSConfig != nil && r.TLS == nil {
		r.TLS = new(checks.TLS)
	}
	return nil
}

func (s *Sentinel) addTo(o *redis.UniversalOptions) error {
	if s.Master == "" {
		return errors.New("sentinel: expected the name of the master")
	}
	o.MasterName, o.Addrs = s.Master, s.Addresses
	return errors.Join(validateAddresses("sentinel", s.Addresses),
		fill("sentinel: username", &o.SentinelUsername, s.Username), fill("sentinel: password", &o.SentinelPassword, s.Password))
}

func validateAddresses(option string, all []string) error {
	if len(all) == 0 {
		return fmt.Errorf("%s: expected addresses", option)
	}
	for _, a := range all {
		if _, port, err := net.SplitHostPort(a); err != nil || port == "" {
			return fmt.Errorf("%s: address %q: expected HOST:PORT", option, a)
		}
	}
	return nil
}

// fill replaces the placeholders of a text, unless it is empty.
func fill(option string, to *string, text string) error {
	if text == "" {
		return nil
	}
	filled, err := caddy.NewReplacer().ReplaceOrErr(text, true, true)
	if err != nil {
		return fmt.Errorf("%s: %w", option, err)
	}
	*to = strings.TrimSuffix(filled, "\n") // of a file
	return nil
}

// connect returns a client. It connects when it is used.
func (s *settings) connect() redis.UniversalClient {
	o := s.client
	o.Addrs = slices.Clone(o.Addrs) // go-redis shuffles them
	if s.tls != nil {
		o.TLSConfig = s.tls.ClientConfig(s.tls.ServerName)
		if o.TLSConfig.MinVersion == 0 {
			o.TLSConfig.MinVersion = tls.VersionTLS12
		}
	}
	return redis.NewUniversalClient(&o)
}

// equalTLS reports whether the options are the same.
func equalTLS(a, b *checks.TLS) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return cmp.Or(errX, errY) == nil && string(x) == string(y)
}

// silent drops what go-redis logs.
type silent struct{}

// Printf implements the logger of go-redis.
func (silent) Printf(context.Context, string, ...any) {}
