// SPDX-License-Identifier: Apache-2.0

package lbadmin

import (
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
)

// Problem is something that needs an operator's attention, or that an operator should know.
type Problem struct {
	// Severity is critical (clients are refused), warning or notice.
	Severity string `json:"severity"`
	// Kind is for programs, such as backend_down.
	Kind string `json:"kind"`
	// What names the problem, Advice says what to do about it.
	What   string `json:"what"`
	Advice string `json:"advice"`
	// Since is when it began, if that is known.
	Since *time.Time `json:"since,omitempty"`
	// Frontend, Backend and Server say where to look.
	Frontend string `json:"frontend,omitempty"`
	Backend  string `json:"backend,omitempty"`
	Server   string `json:"server,omitempty"`
}

func newProblems() []Problem {
	list := []Problem{}
	for _, p := range control.Problems(time.Now()) {
		list = append(list, Problem{p.Severity.String(), p.Kind, p.What, p.Advice, timeOrNil(p.Since), p.Frontend, p.Backend, p.Server})
	}
	return list
}
