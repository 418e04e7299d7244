// SPDX-License-Identifier: Apache-2.0

package control

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// FrontendChange is a change of a frontend. Fields that are nil change nothing.
type FrontendChange = frontend.Change

// FrontendOf returns a frontend.
func FrontendOf(name string) (Frontend, error) {
	for _, f := range Frontends() {
		if f.Name == name {
			return f, nil
		}
	}
	return Frontend{}, unknown("frontend %q: %w", name, frontend.ErrNoFrontend)
}

// ChangeFrontend changes a frontend of the configuration that runs, and returns the changed values.
// A frontend that is not enabled leaves new connections in the kernel's queue; its connections go
// on. It is HAProxy's enable frontend, disable frontend and set maxconn frontend. The kind of the
// error is ErrUnknown, ErrConflict (frontend.ErrShutDown) or ErrInvalid; on error nothing changes.
func ChangeFrontend(by Origin, name string, c FrontendChange) ([]pool.Changed, error) {
	if err := validateLimits(limit{"maxconn", c.MaxConn}, limit{"rate_limit_sessions", c.SessionRate}); err != nil {
		return nil, fmt.Errorf("frontend %q: %w", name, err)
	}
	changed, err := frontend.Operate(name, string(by), c)
	if err != nil {
		return nil, frontendFailure(name, err)
	}
	for _, v := range changed {
		report(RuntimeChange{By: by, Frontend: name, Changed: v})
	}
	return changed, nil
}

// ShutdownFrontend closes the listeners of a frontend until the next reload: further clients are
// refused. It is HAProxy's shutdown frontend. The kind of the error is ErrUnknown or ErrConflict
// (frontend.ErrShutDown, or frontend.ErrForeignListeners).
func ShutdownFrontend(by Origin, name string) error {
	before, err := frontend.ShutDown(name)
	if err != nil {
		return frontendFailure(name, err)
	}
	report(RuntimeChange{By: by, Frontend: name, Changed: pool.Changed{Key: "state", From: before.String(), To: frontend.Stopped.String()}})
	return nil
}

func frontendFailure(name string, err error) error {
	kind := ErrConflict
	if errors.Is(err, frontend.ErrNoFrontend) {
		kind = ErrUnknown
	}
	return &failure{fmt.Errorf("frontend %q: %w", name, err), kind}
}

// limit is a number of a change; nil: it is not changed.
type limit struct {
	name string
	n    *int
}

// validateLimits returns the error of the first invalid one.
func validateLimits(all ...limit) error {
	for _, l := range all {
		if l.n != nil && *l.n < 0 {
			return invalid("%s %d: expected a whole number, zero or more", l.name, *l.n)
		}
	}
	return nil
}

// changeOf returns the change of a number, or nothing if it has not changed.
func changeOf(key string, from, to int) []pool.Changed {
	if from == to {
		return nil
	}
	return []pool.Changed{{Key: key, From: strconv.Itoa(from), To: strconv.Itoa(to)}}
}
