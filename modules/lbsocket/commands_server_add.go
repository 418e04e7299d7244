// SPDX-License-Identifier: Apache-2.0

package lbsocket

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// addCommands add and remove servers, and reset counters.
var addCommands = []command{
	{words: "add server", args: "<bk>/<srv>", help: "create a new server", level: Admin, run: addServer},
	{words: "del server", args: "<bk>/<srv>", help: "remove a dynamically added server", level: Admin, run: removeServer},
	{words: "clear counters", args: "[all]", help: "clear max statistics counters (or all counters)", level: Operator, run: clearCounters},
}

func clearCounters(r *request) error {
	all := r.arg(0) == "all"
	if err := r.may(Admin); all && err != nil {
		return err
	}
	control.ClearCounters(control.BySocket, all)
	return nil
}

func removeServer(r *request) error {
	backend, server, ok := strings.Cut(r.arg(0), "/")
	if !ok {
		return bare("Require 'backend/server'.")
	}
	err := control.RemoveServer(control.BySocket, backend, server)
	for _, known := range []struct {
		err  error
		text string
	}{
		{pool.ErrNoBackend, "No such backend."},
		{pool.ErrNoSuchServer, "No such server."},
		{pool.ErrNotInMaint, "Only servers in maintenance mode can be deleted."},
		{pool.ErrInUse, "Server still has connections attached to it, cannot remove it."},
		{pool.ErrTracked, "This server cannot be removed at runtime due to other configuration elements pointing to it."},
	} {
		if errors.Is(err, known.err) {
			return bare(known.text)
		}
	}
	if err == nil {
		r.print("Server deleted.")
	}
	return err
}

// addServer adds a server: add server WEB/S9 192.0.2.9:443 check weight 5.
func addServer(r *request) error {
	backend, name, ok := strings.Cut(r.arg(0), "/")
	if !ok {
		return bare("Require 'backend/server'.")
	}
	b, err := control.BackendOf(backend)
	if err != nil {
		return bare("No such backend.")
	}
	if slices.ContainsFunc(b.Servers, func(s pool.ServerStatus) bool { return s.Name == name }) {
		return message("Already exists a server with the same name in backend.")
	}
	if r.arg(1) == "" {
		return message("'server' expects <name> and <addr>[:<port>] as arguments.")
	}
	s := balancer.Server{Name: name, Address: strings.TrimPrefix(r.arg(1), "ipv4@")}
	if path, ok := strings.CutPrefix(s.Address, "unix@"); ok {
		s.Address = "unix/" + path
	}
	if err := serverWords(&s, r.args[2:]); err != nil {
		return err
	}
	if err := control.AddServer(control.BySocket, backend, s); err != nil {
		return err
	}
	r.say(severityInfo, "New server registered.")
	return nil
}

// serverWord is a word of add server, with the number of words after it.
type serverWord struct {
	values int
	set    func(s *balancer.Server, value string) error
}

// flag returns a word without a value.
func flag(set func(*balancer.Server)) serverWord {
	return serverWord{0, func(s *balancer.Server, _ string) error {
		set(s)
		return nil
	}}
}

// numeric returns a word with a number.
func numeric(set func(*balancer.Server, int)) serverWord {
	return serverWord{1, func(s *balancer.Server, value string) error {
		n, err := haproxyfile.ParseUint(value, 0, 1<<31-1)
		set(s, int(n))
		return err
	}}
}

// timed returns a word with a time, in milliseconds unless it has a unit.
func timed(set func(*balancer.Server, caddy.Duration)) serverWord {
	return serverWord{1, func(s *balancer.Server, value string) error {
		d, err := haproxyfile.ParseTime(value, time.Millisecond)
		set(s, caddy.Duration(d))
		return err
	}}
}

// checkOf returns the check of a server, which it begins.
func checkOf(s *balancer.Server) *balancer.Check {
	if s.Check == nil {
		s.Check = new(balancer.Check)
	}
	return s.Check
}

// addWords are the words of add server, as those of a server line of a haproxy.cfg.
var addWords = map[string]serverWord{
	"backup":        flag(func(s *balancer.Server) { s.Backup = true }),
	"check":         flag(func(s *balancer.Server) { checkOf(s) }),
	"no-check":      flag(func(s *balancer.Server) { s.Check = nil }),
	"disabled":      flag(func(*balancer.Server) {}), // it is in maintenance anyway
	"send-proxy":    flag(func(s *balancer.Server) { s.SendProxy = "v1" }),
	"send-proxy-v2": flag(func(s *balancer.Server) { s.SendProxy = "v2" }),
	"weight":        numeric(func(s *balancer.Server, n int) { s.Weight = &n }),
	"maxconn":       numeric(func(s *balancer.Server, n int) { s.MaxConn = n }),
	"minconn":       numeric(func(s *balancer.Server, n int) { s.MinConn = n }),
	"maxqueue":      numeric(func(s *balancer.Server, n int) { s.MaxQueue = n }),
	"id":            numeric(func(s *balancer.Server, n int) { s.ID = n }),
	"port":          numeric(func(s *balancer.Server, n int) { checkOf(s).Port = n }),
	"rise":          numeric(func(s *balancer.Server, n int) { checkOf(s).Rise = n }),
	"fall":          numeric(func(s *balancer.Server, n int) { checkOf(s).Fall = n }),
	"inter":         timed(func(s *balancer.Server, d caddy.Duration) { checkOf(s).Interval = d }),
	"fastinter":     timed(func(s *balancer.Server, d caddy.Duration) { checkOf(s).FastInterval = d }),
	"downinter":     timed(func(s *balancer.Server, d caddy.Duration) { checkOf(s).DownInterval = d }),
	"slowstart":     timed(func(s *balancer.Server, d caddy.Duration) { s.SlowStart = d }),
	"track": {1, func(s *balancer.Server, value string) error {
		s.Track = value
		return nil
	}},
}

// serverWords applies the words after the address. A missing value ends them, as in HAProxy.
func serverWords(s *balancer.Server, words []string) error {
	checked := slices.Contains(words, "check")
	for len(words) > 0 {
		w, ok := addWords[words[0]]
		if !ok {
			near := options.Nearest(words[0], slices.Collect(maps.Keys(addWords)))
			if near != "" {
				near = "; did you mean '" + near + "' maybe ?"
			}
			return message("unknown keyword '" + words[0] + "'" + near)
		}
		if len(words) <= w.values {
			break
		}
		if err := w.set(s, strings.Join(words[1:1+w.values], "")); err != nil {
			return message("'" + words[0] + "' : " + err.Error())
		}
		words = words[1+w.values:]
	}
	if !checked {
		s.Check = nil
	}
	return nil
}
