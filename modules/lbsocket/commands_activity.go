// SPDX-License-Identifier: Apache-2.0

package lbsocket

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
	"github.com/caddy-passthrough/caddy-passthrough/modules/resolve"
)

// activityCommands show what happens in the process.
var activityCommands = []command{
	{words: "show activity", help: "show per-thread activity stats (for support/developers)", run: showActivity},
	{words: "show events", args: "[<sink>] [-w] [-n]", help: "show event sink state", run: showEvents},
	{words: "show resolvers", args: "[id]", help: "dumps counters from all resolvers section and associated name servers", run: showResolvers},
}

// showActivity writes the numbers of the shards, as HAProxy writes those of its threads.
func showActivity(r *request) error {
	a := control.ActivityNow()
	n := len(a.Shards)
	r.printf("thread_id: 1 (1..%d)\n", max(1, n))
	now := time.Now()
	r.printf("date_now: %d.%06d\n", now.Unix(), now.Nanosecond()/1000)
	var loops, events, slots, spliced []uint64
	for _, s := range a.Shards {
		loops, events = append(loops, s.Rounds), append(events, s.Events)
		slots, spliced = append(slots, uint64(s.Slots)), append(spliced, s.Spliced)
	}
	printPerShard(r, "loops", loops)
	printPerShard(r, "poll_io", events)
	printPerShard(r, "watched", slots)
	printPerShard(r, "spliced", spliced)
	for _, v := range []struct {
		name  string
		value int64
	}{
		{"arriving", a.Arriving}, {"sessions", a.Engine}, {"copied", a.Copied}, {"on_goroutine", int64(a.OnGoroutine)}, {"pipes", int64(a.Pipes)}, {"max_pipes", int64(a.MaxPipes)},
	} {
		r.printf("%s: %d\n", v.name, v.value)
	}
	return nil
}

// printPerShard writes the sum of numbers and, if there are several, each of them.
func printPerShard(r *request, name string, numbers []uint64) {
	sum := uint64(0)
	for _, n := range numbers {
		sum += n
	}
	r.printf("%s: %d", name, sum)
	if len(numbers) > 1 {
		r.print(" [")
		for _, n := range numbers {
			r.printf(" %d", n)
		}
		r.print(" ]")
	}
	r.print("\n")
}

// sink is the name of the buffer with the events. HAProxy has one of that name.
const sink = "buf0"

// showEvents writes the events: with -n only new ones, and with -w also those that follow, until
// the client sends a byte or leaves.
func showEvents(r *request) error {
	if r.arg(0) == "" {
		r.print("Supported events sinks are listed below. Add -w(wait), -n(new). Any key to stop\n")
		r.printf("    %-10s : type=buffer, 0 dropped, the last events of the process\n", sink)
		return nil
	}
	if err := r.may(Operator); err != nil {
		return err
	}
	if r.arg(0) != sink {
		return bare("No such event sink")
	}
	for _, option := range r.args[1:] {
		if option != "-w" && option != "-n" && option != "-wn" && option != "-nw" {
			return bare("unknown option")
		}
	}
	options := strings.Join(r.args[1:], "")
	waits, onlyNew := strings.Contains(options, "w"), strings.Contains(options, "n")
	since := uint64(0)
	if onlyNew {
		since = control.LastEvent()
	}
	if !waits {
		for _, e := range control.Events(since, 0) {
			printEvent(r, e)
		}
		return nil
	}
	ctx, stop := r.untilKey()
	defer stop()
	for e := range control.FollowEvents(ctx, since) {
		printEvent(r, e)
		if e.Number == control.LastEvent() && r.out.Flush() != nil {
			break
		}
	}
	return nil
}

// printEvent writes an event in a line.
func printEvent(r *request, e control.Event) {
	text := strings.ReplaceAll(e.Text, "\n", " ")
	if e.By != "" {
		text += " by " + e.By
	}
	r.printf("%d %s %s: %s\n", e.Number, e.At.Format(time.RFC3339Nano), e.Kind, text)
}

// untilKey returns a context that is done when the client sends a byte or leaves. Before anything
// else is read, stop must be called.
func (r *request) untilKey() (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancel(r.ctx)
	over := make(chan struct{})
	_ = r.conn.SetReadDeadline(time.Time{})
	go func() {
		defer close(over)
		defer cancel()
		_, _ = r.conn.Read(make([]byte, 1))
	}()
	return ctx, func() {
		_ = r.conn.SetReadDeadline(time.Unix(1, 0))
		<-over
	}
}

// showResolvers writes the numbers of the resolvers in HAProxy's form. Here the system's resolver
// queries name servers; the numbers are those of lookups.
func showResolvers(r *request) error {
	all, id := control.Resolvers(), r.arg(0)
	if id != "" {
		if all = slices.DeleteFunc(all, func(s control.ResolverStatus) bool { return s.ID != id }); len(all) == 0 {
			return errNoResolver
		}
	}
	for _, s := range all {
		r.printf("Resolvers section %s\n", s.ID)
		servers := s.Nameservers
		if servers == nil {
			servers = []resolve.NameserverStats{{Name: "system", Sent: s.Found + s.NotFound + s.Failed, Valid: s.Found, NotFound: s.NotFound, Other: s.Failed}}
		}
		for _, n := range servers {
			showNameserver(r, n)
		}
	}
	return nil
}

func showNameserver(r *request, n resolve.NameserverStats) {
	r.printf(" nameserver %s:\n", n.Name)
	for _, v := range []struct {
		name  string
		value uint64
	}{
		{"sent", n.Sent},
		{"snd_error", n.SendErrors},
		{"valid", n.Valid},
		{"update", 0},
		{"cname", 0},
		{"cname_error", 0},
		{"any_err", 0},
		{"nx", n.NotFound},
		{"timeout", n.Timeouts},
		{"refused", n.Refused},
		{"other", n.Other},
		{"invalid", n.Invalid},
		{"too_big", 0},
		{"truncated", n.Truncated},
		{"outdated", 0},
	} {
		r.printf("  %-12s %d\n", v.name+":", v.value)
	}
}
