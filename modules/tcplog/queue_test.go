// SPDX-License-Identifier: Apache-2.0

package tcplog

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

func TestMain(m *testing.M) {
	const relay = "github.com/caddy-passthrough/caddy-passthrough/modules/relay."
	programs.VerifyNoLeaks(m, goleak.IgnoreAnyFunction(relay+"(*shard).run"), goleak.IgnoreAnyFunction(relay+"(*endNotifier).run"))
}

// target receives lines. It takes one whenever take returns.
type target struct {
	take func()

	mu    sync.Mutex
	lines []fields
}

type fields struct {
	TS          time.Time
	Level, Msg  string
	Frontend    string
	In          int `json:"bytes_in"`
	Connections int // of a report
}

func (w *target) Write(line []byte) (int, error) {
	if w.take != nil {
		w.take()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	var f fields
	err := json.Unmarshal(line, &f)
	w.lines = append(w.lines, f)
	return len(line), err
}

// got returns the lines of connections, and how many connections reports count.
func (w *target) got() (lines []fields, missing int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, f := range w.lines {
		if f.Msg == "session" {
			lines = append(lines, f)
		}
		missing += f.Connections
	}
	return lines, missing
}

// logTo returns a log with a queue of its own.
func logTo(w zapcore.WriteSyncer, limit int) *Log {
	config := zap.NewProductionEncoderConfig()
	config.EncodeTime, config.MessageKey = zapcore.RFC3339NanoTimeEncoder, "msg"
	return &Log{logger: zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(config), w, zapcore.InfoLevel)), queue: newQueue(limit)}
}

// writeN ends n connections.
func writeN(l *Log, n int) {
	for i := range n {
		r := New("tls", client, local)
		r.In = int64(i)
		l.Write(&r)
	}
}

func inOrder(t *testing.T, lines []fields) {
	t.Helper()
	for i := 1; i < len(lines); i++ {
		if lines[i].In <= lines[i-1].In || lines[i].TS.Before(lines[i-1].TS) {
			t.Fatalf("line %d is of connection %d at %v, after connection %d at %v", i, lines[i].In, lines[i].TS, lines[i-1].In, lines[i-1].TS)
		}
	}
}

// Lines are in the order of the ends, and bear their time.
func TestLinesAreInOrder(t *testing.T) {
	const ends, each = 8, 2000
	w := new(target)
	l := logTo(zapcore.AddSync(w), queueBytes)
	var all sync.WaitGroup
	for i := range ends {
		all.Go(func() {
			for n := range each {
				r := New(fmt.Sprint(i), client, local)
				r.In = int64(n)
				l.Write(&r)
			}
		})
	}
	all.Wait()
	if left := l.queue.flush(time.Now().Add(time.Minute)); left > 0 {
		t.Fatalf("%d lines are not written", left)
	}
	lines, missing := w.got()
	if len(lines) != ends*each || missing > 0 {
		t.Fatalf("%d lines, %d missing", len(lines), missing)
	}
	of := make(map[string][]fields)
	for i, line := range lines {
		of[line.Frontend] = append(of[line.Frontend], line)
		if i > 0 && line.TS.Before(lines[i-1].TS) {
			t.Errorf("a line of %v is after one of %v", line.TS, lines[i-1].TS)
		}
	}
	for _, lines := range of {
		inOrder(t, lines)
	}
}

// A line has the time of the end, even if it is written later.
func TestLineHasTimeOfEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer time.Sleep(time.Second) // until the writer has gone
		open := make(chan struct{})
		w := &target{take: func() { <-open }}
		l, began := logTo(zapcore.AddSync(w), queueBytes), time.Now()
		for range 3 {
			time.Sleep(time.Hour)
			writeN(l, 1)
		}
		close(open)
		l.queue.flush(time.Now().Add(time.Minute))
		lines, _ := w.got()
		for i, line := range lines {
			if at := line.TS.Sub(began); at != time.Duration(i+1)*time.Hour {
				t.Errorf("the line of the connection that ended after %d h has %v", i+1, at)
			}
		}
		if len(lines) != 3 {
			t.Errorf("%d lines, want 3", len(lines))
		}
	})
}

// While the target takes nothing, connections end without delay; when it takes lines again, the
// queue is written and the number of dropped records is reported.
func TestStalledTargetDropsAndReports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer time.Sleep(time.Second) // until the writer has gone
		open := make(chan struct{})
		w := &target{take: func() { <-open }}
		l := logTo(zapcore.AddSync(w), 64<<10)
		began := time.Now()
		writeN(l, 2000)
		if waited := time.Since(began); waited > stallTimeout+10*pollInterval {
			t.Errorf("connections waited for %v to end", waited)
		}
		held, dropped := int(l.queue.added), int(l.queue.dropped)
		if held < 100 || dropped < 100 || held+dropped != 2000 {
			t.Errorf("%d are held, %d dropped, of 2000", held, dropped)
		}
		if left := l.queue.flush(time.Now().Add(time.Second)); left != 2000 {
			t.Errorf("%d are left, want all 2000", left)
		}
		time.Sleep(time.Hour)
		began = time.Now()
		writeN(l, 10)
		if waited := time.Since(began); waited != 0 {
			t.Errorf("connections waited for %v to end", waited)
		}
		close(open)
		if left := l.queue.flush(time.Now().Add(time.Minute)); left > 0 {
			t.Errorf("%d are left", left)
		}
		lines, missing := w.got()
		if len(lines) != held || missing != dropped+10 {
			t.Errorf("%d lines and %d missing, want %d and %d", len(lines), missing, held, dropped+10)
		}
		inOrder(t, lines)
		if reports := slices.DeleteFunc(slices.Clone(w.lines), func(f fields) bool { return f.Msg == "session" }); len(reports) != 1 || reports[0].Level != "error" {
			t.Errorf("the reports are %+v, want one error", reports)
		}
		time.Sleep(time.Second) // the writer has gone
		writeN(l, 5)
		time.Sleep(time.Second)
		if lines, again := w.got(); len(lines) != held+5 || again != missing {
			t.Errorf("afterwards: %d lines and %d missing, want %d and %d", len(lines), again, held+5, missing)
		}
	})
}

// A burst of ends that is larger than the queue is written completely.
func TestBurstIsWrittenCompletely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer time.Sleep(time.Second) // until the writer has gone
		w := &target{take: func() { time.Sleep(time.Millisecond) }}
		l := logTo(zapcore.AddSync(w), 64<<10)
		writeN(l, 5000)
		if left := l.queue.flush(time.Now().Add(time.Minute)); left > 0 {
			t.Errorf("%d are left", left)
		}
		if lines, missing := w.got(); len(lines) != 5000 || missing > 0 {
			t.Errorf("%d lines and %d missing, want 5000 and 0", len(lines), missing)
		}
	})
}

// A target that takes too few lines does not delay connections; the log reports from time to time
// how many are missing.
func TestSlowTargetDoesNotBlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer time.Sleep(time.Second) // until the writer has gone
		w := &target{take: func() { time.Sleep(100 * time.Millisecond) }}
		l := logTo(zapcore.AddSync(w), 64<<10)
		began := time.Now()
		for range 1000 {
			writeN(l, 20)
			time.Sleep(100 * time.Millisecond)
		}
		if took := time.Since(began); took > 105*time.Second {
			t.Errorf("20,000 connections took %v to end, of which 100 s are theirs", took)
		}
		if _, missing := w.got(); missing < 5000 {
			t.Errorf("%d are reported missing in 100 s", missing)
		}
		time.Sleep(time.Hour)
		if lines, missing := w.got(); len(lines)+missing != 20_000 || len(lines) < 1000 {
			t.Errorf("%d lines and %d missing, of 20,000", len(lines), missing)
		}
	})
}

// A pipe without a reader stalls once the kernel's buffer is full.
func TestUnreadPipeStalls(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	l := logTo(w, 64<<10)
	writeN(l, 2000)
	read := make(chan string)
	go func() {
		all := new(strings.Builder)
		for b := make([]byte, 4<<10); ; {
			n, err := r.Read(b)
			if all.Write(b[:n]); err != nil {
				read <- all.String()
				return
			}
		}
	}()
	if left := l.queue.flush(time.Now().Add(time.Minute)); left > 0 {
		t.Fatalf("%d are left", left)
	}
	w.Close()
	sink := new(target)
	for line := range strings.Lines(<-read) {
		if _, err := sink.Write([]byte(line)); err != nil {
			t.Fatal(err)
		}
	}
	lines, missing := sink.got()
	if len(lines)+missing != 2000 || missing == 0 {
		t.Errorf("%d lines and %d missing, of 2000", len(lines), missing)
	}
	inOrder(t, lines)
}

// explosive is a core that panics over every second line.
type explosive struct {
	zapcore.Core
	n *int
}

func (c explosive) Check(e zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	return checked.AddCore(e, c)
}

func (c explosive) Write(e zapcore.Entry, f []zapcore.Field) error {
	if *c.n++; e.Message == "session" && *c.n%3 == 1 {
		panic("no")
	}
	return c.Core.Write(e, f)
}

func TestCorePanicIsContained(t *testing.T) {
	core, logged := observer.New(zapcore.InfoLevel)
	l := &Log{logger: zap.New(explosive{core, new(int)}), queue: newQueue(queueBytes)}
	writeN(l, 4)
	l.queue.flush(time.Now().Add(time.Minute))
	if lines, panics := logged.FilterMessage("session").Len(), logged.FilterMessage("panic").Len(); lines != 2 || panics != 2 {
		t.Errorf("%d lines, %d panics, want 2 of each", lines, panics)
	}
}

// A core may keep the fields of a line and look at them later.
func TestFieldsMayBeKept(t *testing.T) {
	core, logged := observer.New(zapcore.InfoLevel)
	l := &Log{logger: zap.New(core), queue: newQueue(queueBytes)}
	for range 3 {
		writeN(l, 100)
		l.queue.flush(time.Now().Add(time.Minute))
	}
	for i, line := range logged.All() {
		if in := line.ContextMap()["bytes_in"]; in != int64(i%100) {
			t.Fatalf("line %d is of connection %v", i, in)
		}
	}
}

func TestNothingIsQueuedBelowTheLogsLevel(t *testing.T) {
	l := Open(nil, jsonLogger(zapcore.ErrorLevel))
	writeN(l, 3)
	l.Write(&Record{End: Failed})
	if n := l.queue.added; n != 1 {
		t.Errorf("%d are queued, want 1", n)
	}
	l.queue.flush(time.Now().Add(time.Minute))
}

// Logs of one owner share a queue, which is dropped with them.
func TestOwnerSharesQueue(t *testing.T) {
	func() {
		a, b, c := Open(1, zap.NewNop()), Open(1, zap.NewNop()), Open(2, zap.NewNop())
		d, e := Open(nil, zap.NewNop()), Open(nil, zap.NewNop())
		if a.queue != b.queue || a.queue == c.queue || d.queue == e.queue || d.queue == a.queue {
			t.Error("logs of one owner, and only those, are to share a queue")
		}
	}()
	for over := time.Now().Add(time.Minute); ; time.Sleep(pollInterval) {
		runtime.GC()
		queues.mu.Lock()
		left := len(queues.by)
		queues.mu.Unlock()
		if left == 0 {
			break
		}
		if time.Now().After(over) {
			t.Fatalf("%d queues are kept", left)
		}
	}
}
