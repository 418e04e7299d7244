// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"cmp"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
	"github.com/caddy-passthrough/caddy-passthrough/modules/resolvers"
)

// resolverWords are the keywords of a resolvers section.
var resolverWords = []string{"nameserver", "parse-resolv-conf", "resolve_retries", "timeout", "hold", "accepted_payload_size"}

// haproxyResolvers returns resolvers with HAProxy's defaults.
func haproxyResolvers() *resolvers.Resolvers {
	const half = caddy.Duration(30 * time.Second)
	return &resolvers.Resolvers{
		Hold:                resolvers.Hold{Valid: caddy.Duration(10 * time.Second), NX: half, Refused: half, Timeout: half, Other: half},
		AcceptedPayloadSize: 512,
	}
}

// readResolvers reads a section resolvers.
func (t *translation) readResolvers(s haproxyfile.Section) {
	r := t.resolvers[s.Args[0]]
	if r == nil {
		r = haproxyResolvers()
		t.resolvers[s.Args[0]] = r
	}
	for _, l := range s.Lines {
		if err := readResolversLine(r, l.Words); err != nil {
			t.errorf(l.Pos, "%v", err)
		}
	}
}

func readResolversLine(r *resolvers.Resolvers, words []string) error {
	args := words[1:]
	switch words[0] {
	case "nameserver":
		return readNameserver(r, args)
	case "parse-resolv-conf":
		r.ParseResolvConf = true
	case "resolve_retries":
		return readCount(&r.Retries, words, 1, 100)
	case "accepted_payload_size":
		return readCount(&r.AcceptedPayloadSize, words, 512, 65535)
	case "timeout":
		return readResolversTime(words, map[string]*caddy.Duration{"resolve": &r.TimeoutResolve, "retry": &r.TimeoutRetry})
	case "hold":
		h := &r.Hold
		return readResolversTime(words, map[string]*caddy.Duration{
			"valid": &h.Valid, "obsolete": &h.Obsolete, "nx": &h.NX, "refused": &h.Refused, "timeout": &h.Timeout, "other": &h.Other,
		})
	default:
		return fmt.Errorf("unknown keyword '%s' in 'resolvers' section%s", words[0], didYouMean(words[0], resolverWords))
	}
	return nil
}

// readNameserver reads "nameserver NAME ADDRESS:PORT [OPTIONS]". The options are those of a server
// of a ring, for TCP.
func readNameserver(r *resolvers.Resolvers, args []string) error {
	if len(args) < 2 {
		return fmt.Errorf("'nameserver' expects <name> and <addr>[:<port>] as arguments")
	}
	a, err := haproxyfile.ParseAddress(args[1], haproxyfile.AddressOptions{})
	switch {
	case err != nil:
		return fmt.Errorf("'nameserver %s' : %w", args[0], err)
	case !a.HasPort:
		return fmt.Errorf("'nameserver %s' : missing port specification in '%s'", args[0], args[1])
	case slices.ContainsFunc(r.Nameservers, func(n resolvers.Nameserver) bool { return n.Name == args[0] }):
		return fmt.Errorf("another nameserver named '%s' was already defined", args[0])
	}
	address := net.JoinHostPort(a.Host, strconv.Itoa(a.Port))
	if strings.HasPrefix(args[1], "tcp") {
		address = "tcp/" + address
	}
	r.Nameservers = append(r.Nameservers, resolvers.Nameserver{Name: args[0], Address: address})
	return nil
}

func readCount(to *int, words []string, low, high int64) error {
	if len(words) < 2 {
		return fmt.Errorf("'%s' expects <nb> as argument", words[0])
	}
	n, err := haproxyfile.ParseUint(words[1], low, high)
	if err != nil {
		return fmt.Errorf("'%s' : %w", words[0], err)
	}
	*to = int(n)
	return nil
}

// readResolversTime reads "timeout|hold KIND TIME". A time of 0 is not the default here.
func readResolversTime(words []string, known map[string]*caddy.Duration) error {
	if len(words) < 3 {
		return fmt.Errorf("'%s' expects a kind and <time> as arguments", words[0])
	}
	to := known[words[1]]
	if to == nil {
		return fmt.Errorf("'%s' : unknown '%s'", words[0], words[1])
	}
	d, err := haproxyfile.ParseTime(words[2], time.Millisecond)
	if err != nil {
		return fmt.Errorf("'%s %s' : %w", words[0], words[1], err)
	}
	*to = caddy.Duration(cmp.Or(d, time.Millisecond))
	return nil
}

// withServers returns the resolvers that have servers to ask.
func (t *translation) withServers() map[string]*resolvers.Resolvers {
	all := make(map[string]*resolvers.Resolvers)
	for name, r := range t.resolvers {
		if len(r.Nameservers) > 0 || r.ParseResolvConf {
			all[name] = r
		}
	}
	return all
}
