// SPDX-License-Identifier: Apache-2.0

package lbsocket

import (
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

// waitCommands wait. HAProxy has them since 2.9.
var waitCommands = []command{
	{words: "wait", args: "{-h|<delay>} [cond [args...]]", help: "wait the specified delay or condition (-h to see list)", run: wait},
}

// waitUsage explains wait.
const waitUsage = "Usage: wait {-h|<delay>} [srv-removable|srv-unused <backend>/<server>]\n" +
	"  <delay> is in milliseconds, or has a unit: us, ms, s, m, h, d.\n" +
	"  srv-removable ends when del server can remove the server, srv-unused when it has no connections.\n"

// poll is the time between two looks at a condition.
const poll = 50 * time.Millisecond

func wait(r *request) error {
	if r.arg(0) == "-h" || r.arg(1) == "-h" {
		r.print(waitUsage)
		return nil
	}
	if r.arg(0) == "" {
		return message("Expects a duration in milliseconds.")
	}
	d, err := haproxyfile.ParseTime(r.arg(0), time.Millisecond)
	if err != nil {
		return message("Invalid duration.")
	}
	if r.arg(1) == "" {
		r.pause(d)
		return nil
	}
	return r.await(d)
}

// await waits until the condition of a wait holds.
func (r *request) await(d time.Duration) error {
	for end := time.Now().Add(d); ; r.pause(poll) {
		if err := r.out.Flush(); err != nil { // answers to earlier commands
			return err
		}
		t, err := findServer(r.arg(2))
		if err != nil {
			return err
		}
		holds := t.Sessions+t.Queued == 0
		switch r.arg(1) {
		case "srv-unused":
		case "srv-removable":
			holds, err = t.removable()
		default:
			err = message("Unknown condition to wait for.")
		}
		switch {
		case err != nil:
			return err
		case holds:
			r.print("Done.\n")
			return nil
		case time.Now().After(end):
			return message("Wait delay expired.")
		}
	}
}
