// SPDX-License-Identifier: Apache-2.0

package control

import (
	"cmp"
	"slices"
	"time"
)

// Severity is the severity of a problem.
type Severity uint8

// The severities.
const (
	Critical Severity = iota // clients are refused, or will be soon
	Warning                  // something has failed, or clients wait
	Notice                   // something differs from the configuration
)

var severityNames = [...]string{Critical: "critical", Warning: "warning", Notice: "notice"}

// String returns the name of the severity.
func (s Severity) String() string { return severityNames[s] }

// Problem is something that needs an operator's attention, or that an operator should know.
type Problem struct {
	Severity Severity
	// Kind is for programs, such as backend_down.
	Kind string
	// What names the problem, Advice says what to do about it.
	What, Advice string
	// Since is when it began; zero: not known.
	Since time.Time
	// Frontend, Backend and Server say where to look. They may be empty.
	Frontend, Backend, Server string
}

// problemSources find problems. Each returns its own.
var problemSources = []func(now time.Time) []Problem{processProblems, frontendProblems, backendProblems, nameProblems, endProblems, certificateProblems}

// Problems returns the present problems, the worst first. Their texts change only when the problems
// do.
func Problems(now time.Time) (all []Problem) {
	for _, find := range problemSources {
		all = append(all, find(now)...)
	}
	slices.SortStableFunc(all, func(a, b Problem) int { return cmp.Compare(a.Severity, b.Severity) })
	return all
}
