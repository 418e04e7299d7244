// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/certificates"
	"github.com/caddy-passthrough/caddy-passthrough/modules/rules"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

const (
	// conflictsSettle is the time after a change before conflicts are searched: changes come in
	// groups, such as the first checks of all servers.
	conflictsSettle = 2 * time.Second
	// conflictsLast is the time after which conflicts are searched again if they are asked for, since
	// maps may have changed.
	conflictsLast = 30 * time.Second
)

// certificateConflicts holds the conflicts that were found last, in all frontends.
type certificateConflicts struct {
	changed atomic.Bool // certificates or configurations are others than at the last search
	any     atomic.Bool // a certificate was ever seen
	pending atomic.Bool // a search is going to begin

	mu     sync.Mutex
	found  []certificates.Conflict
	at     time.Time
	logged []certificates.Conflict
}

// conflicts are those of the process.
var conflicts certificateConflicts

func init() {
	balancer.Registry().OnSeen(func() {
		conflicts.any.Store(true)
		conflicts.schedule()
	})
}

// CertificateConflicts returns the names of certificates that frontends route to other backends
// than those that present the certificate, as far as health checks have seen them.
func CertificateConflicts() []certificates.Conflict { return conflicts.current() }

// schedule searches for conflicts soon, and logs new ones.
func (c *certificateConflicts) schedule() {
	if c.changed.Store(true); c.any.Load() && c.pending.CompareAndSwap(false, true) {
		time.AfterFunc(conflictsSettle, func() {
			c.pending.Store(false)
			c.current()
			c.logNew()
		})
	}
}

// current returns the conflicts. It searches for them if something may have changed.
func (c *certificateConflicts) current() []certificates.Conflict {
	if !c.any.Load() {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changed.Swap(false) || time.Since(c.at) > conflictsLast {
		c.found, c.at = searchConflicts(), time.Now()
	}
	return c.found
}

// logNew logs each conflict once, and again after it has changed or gone.
func (c *certificateConflicts) logNew() {
	c.mu.Lock()
	before := c.logged
	c.logged = c.found
	list := slices.Clone(c.found)
	c.mu.Unlock()
	for _, k := range list {
		if !slices.ContainsFunc(before, func(old certificates.Conflict) bool { return k.SameAs(&old) }) {
			logConflict(&k)
		}
	}
}

func logConflict(k *certificates.Conflict) {
	f, err := running(k.Frontend)
	if err != nil {
		return // it has stopped since
	}
	f.Logger.Warn("requests may reach the wrong backend: its certificate is valid for names that are routed elsewhere",
		zap.String("frontend", k.Frontend), zap.String("backend", k.Backend), zap.String("kept", k.Kept),
		zap.Strings("names", k.Names), zap.Int("more_names", k.MoreNames), zap.String("routed_to", k.To()), zap.String("advice", certificates.ConflictAdvice))
}

// searchConflicts searches all running frontends.
func searchConflicts() (all []certificates.Conflict) {
	presented := presentedCertificates()
	if len(presented) == 0 {
		return nil
	}
	frontends := activeFrontends.all()
	for _, name := range slices.Sorted(maps.Keys(frontends)) {
		if f := frontends[name].current(); f != nil && isNamed(name) {
			all = append(all, certificates.Conflicts(name, presented, f.patterns(), f.backendOf)...)
		}
	}
	return all
}

// presentedCertificates returns the certificates of each backend.
func presentedCertificates() (all []certificates.Presented) {
	for _, b := range balancer.Registry().Backends() {
		known := make(map[*certificates.Certificate]bool)
		for i := range b.Servers {
			if seen := b.Servers[i].Seen; seen != nil && !known[seen.Own()] {
				known[seen.Own()] = true
				all = append(all, certificates.Presented{Backend: b.Name, Certificate: seen.Own()})
			}
		}
	}
	return all
}

// patterns returns the patterns of server names that the routes compare, and those of the sites
// behind the frontend.
func (f *Frontend) patterns() []string {
	all := slices.Clone(f.OwnNames)
	all = slices.AppendSeq(all, f.Router.names.Patterns())
	for _, i := range f.Router.others {
		all = slices.AppendSeq(all, f.Router.routes[i].table.Patterns())
		for _, set := range f.Router.routes[i].Condition.Sets {
			all = append(all, patternsOf(set)...)
		}
	}
	return all
}

// patternsOf returns the server names that a set of matchers compares.
func patternsOf(s rules.Set) (all []string) {
	if s.Hello != nil {
		all, _ = s.Hello.Names()
	}
	if s.ACL == nil {
		return all
	}
	for _, t := range s.ACL.Terms {
		for _, c := range t.Any {
			if strings.HasPrefix(c.Fetch, "req.ssl_sni") || strings.HasPrefix(c.Fetch, "req_ssl_sni") {
				all = append(all, c.Values...)
			}
		}
	}
	return all
}

// backendOf returns the backend of the connections for a name, empty if they are passed on to
// another frontend or to sites of Caddy. ok is false if they are refused.
func (f *Frontend) backendOf(name string) (backend string, ok bool) {
	x := &trial{Explanation: new(Explanation), vars: make(map[string]sample.Value)}
	x.begin(f, Probe{Sent: browserHello(name)})
	defer x.c.forget()
	defer func() {
		if recover() != nil { // by a matcher of another plugin
			backend, ok = "", false
		}
	}()
	b, end := x.toBackend()
	switch {
	case end != nil:
		return "", end.verb == Next
	case b.Site != "":
		return "", true
	}
	return b.Name(), true
}
