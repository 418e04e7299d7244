// SPDX-License-Identifier: Apache-2.0

package statuspage

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
	"github.com/caddy-passthrough/caddy-passthrough/modules/statusview"
)

// change is a change of objects of one kind.
type change struct {
	by                  control.Origin
	kind, action, value string
	shows               func(name string) bool // whether the page shows a frontend or backend
}

func (p *page) changeOf(r *http.Request) change {
	return change{originOf(r), r.PostForm.Get("kind"), r.PostForm.Get("action"), r.PostForm.Get("value"), p.options.Shows}
}

// validateScope returns an error unless the page shows one of the frontends and backends.
func (c *change) validateScope(names ...string) error {
	if !slices.ContainsFunc(names, c.shows) {
		return fmt.Errorf("%w: this page does not show %s", control.ErrUnknown, strings.Join(names, ", "))
	}
	return nil
}

// apply changes objects, and returns their number. Its errors have the kinds of package control.
func (c *change) apply(targets []string) (n int, err error) {
	var one func(target string) error
	switch c.kind {
	case "server":
		one, err = c.servers()
	case "session":
		one, err = c.sessions()
	case "frontend":
		one, err = c.frontends()
	default:
		err = fmt.Errorf("kind %q: expected server, session or frontend", c.kind)
	}
	if err != nil {
		return 0, err
	}
	var failures []error
	for _, target := range targets {
		if err := one(target); err != nil {
			failures = append(failures, err)
		} else {
			n++
		}
	}
	return n, errors.Join(failures...)
}

func (c *change) unknownAction() error {
	return fmt.Errorf("action %q of a %s: expected one of those in the form", c.action, c.kind)
}

// servers returns the function that changes a server.
func (c *change) servers() (func(string) error, error) {
	change, ok := serverChanges[c.action]
	switch {
	case c.action == "end-sessions":
	case c.action == "weight" && c.value == "":
		return nil, errors.New("weight: expected a number, or a percentage such as 50%")
	case c.action == "weight":
		change.Weight = c.value
	case !ok:
		return nil, c.unknownAction()
	}
	return func(target string) error {
		ref, err := statusview.ServerOfTarget(target)
		if err == nil {
			err = c.validateScope(ref.Backend)
		}
		if err != nil {
			return err
		}
		if c.action == "end-sessions" {
			_, err = control.EndSessions(c.by, control.SessionFilter{Backend: ref.Backend, Server: ref.Server})
			return err
		}
		_, err = control.ChangeServer(c.by, ref.Backend, ref.Server, change)
		return err
	}, nil
}

// serverChanges are the changes of servers by the names of their actions.
var serverChanges = map[string]control.ServerChange{
	"ready":           {Admin: new(pool.Ready)},
	"drain":           {Admin: new(pool.Drain)},
	"maint":           {Admin: new(pool.Maint)},
	"checks-off":      {Checks: new(false)},
	"checks-on":       {Checks: new(true)},
	"health-up":       {Health: new(pool.HealthUp)},
	"health-stopping": {Health: new(pool.HealthStopping)},
	"health-down":     {Health: new(pool.HealthDown)},
	"agent-off":       {AgentChecks: new(false)},
	"agent-on":        {AgentChecks: new(true)},
	"agent-up":        {Agent: new(pool.HealthUp)},
	"agent-down":      {Agent: new(pool.HealthDown)},
}

// sessions returns the function that ends a session.
func (c *change) sessions() (func(string) error, error) {
	if c.action != "end" {
		return nil, c.unknownAction()
	}
	return func(target string) error {
		id, err := strconv.ParseUint(target, 10, 64)
		if err != nil {
			return fmt.Errorf("session %q: expected the number of a session", target)
		}
		s, err := control.SessionOf(id)
		if err == nil {
			err = c.validateScope(s.Frontend, s.Backend)
		}
		if err != nil {
			return err
		}
		return control.EndSession(c.by, id)
	}, nil
}

// frontends returns the function that changes a frontend.
func (c *change) frontends() (func(string) error, error) {
	var change control.FrontendChange
	switch c.action {
	case "enable", "disable":
		change.Enabled = new(c.action == "enable")
	case "maxconn":
		n, err := strconv.Atoi(c.value)
		if err != nil {
			return nil, fmt.Errorf("maxconn %q: expected a whole number, zero or more", c.value)
		}
		change.MaxConn = &n
	default:
		return nil, c.unknownAction()
	}
	return func(target string) error {
		name, err := url.PathUnescape(target)
		if err != nil {
			return fmt.Errorf("frontend %q: %w", target, err)
		}
		if err := c.validateScope(name); err != nil {
			return err
		}
		_, err = control.ChangeFrontend(c.by, name, change)
		return err
	}, nil
}
