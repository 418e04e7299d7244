// SPDX-License-Identifier: Apache-2.0

package lbsocket

import (
	"strings"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

// waitCommands wait. HAProxy has them since 2.9.
var waitCommands = []command{
	{words: "wait", args: "{-h|<delay>} [cond [args...]]", help: "wait the specified delay or condition (-h to see list)", run: wait},
}

// waitUsage explains wait.
const waitUsage = "Usage: wait {-h|<duration>} [condition [args...]]\n" +
	"  - '-h' displays this help\n" +
	"  - <duration> is the longest wait, in milliseconds or with a unit among 'us', 'ms', 's', 'm', 'h', and 'd'.\n" +
	"  - <condition> ends the wait before; without one it lasts for the duration:\n" +
	"    - srv-removable <px>/<sv> : 'del server' can remove this server.\n" +
	"    - srv-unused <px>/<sv> : this server has no connections.\n"

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
	switch condition := r.arg(1); {
	case condition == "":
		r.pause(d)
		return nil
	case condition != "srv-unused" && condition != "srv-removable":
		r.print(waitUsage)
		return nil
	case r.arg(2) == "":
		return errNeedsServer
	case !strings.Contains(r.arg(2), "/"):
		return errNeedsNames
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
		holds := false
		switch {
		case err != nil:
		case r.arg(1) == "srv-unused":
			holds = t.Sessions+t.Queued == 0
		default:
			holds, err = t.removable()
		}
		switch {
		case err != nil:
			return message("Failed. " + err.Error())
		case holds:
			r.print("Done.\n")
			return nil
		case time.Now().After(end):
			return message("Wait delay expired.")
		}
	}
}
