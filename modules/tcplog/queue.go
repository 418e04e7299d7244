// SPDX-License-Identifier: Apache-2.0

package tcplog

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	// queueBytes bounds a queue: some 20,000 records, which is two seconds of 10,000 connections
	// a second, longer than a healthy disk or log collector pauses. Memory is allocated as
	// needed.
	queueBytes = 4 << 20
	// chunkBytes is the step by which a queue grows. One chunk is kept for reuse.
	chunkBytes = 16 << 10

	// stallTimeout bounds the time for one line, and the time that a record waits for room.
	// After it the target counts as stalled.
	stallTimeout = time.Second
	// pollInterval is the time between two looks for room, or for the end of writing.
	pollInterval = time.Millisecond
	// batchPause is the pause of the writer after it has written everything. Under load it then
	// writes many lines at a time and need not be woken for each.
	batchPause = 2 * time.Millisecond
	// writerIdle is the time for which the writer stays without anything to write.
	writerIdle = 50 * time.Millisecond
	// reportEvery is the time between two reports of dropped records while the target takes
	// some lines, but not all.
	reportEvery = 10 * time.Second
)

// queue holds the records of connections that have ended until their lines are written, in the
// order of the ends. The writer is a goroutine that exists only while there is something to write.
//
// When the queue is full, a record waits for room as long as the target takes lines, so a burst of
// ends is written completely. Once the target has stalled, records are dropped at once until
// everything in the queue has been written; then a line reports the number of dropped records.
type queue struct {
	limit int // bytes

	mu      sync.Mutex
	chunks  []*chunk // oldest first; records are added to the last one
	spare   *chunk
	size    int // bytes in chunks, and in the chunk that is being written
	added   uint64
	written uint64
	stalled bool
	dropped uint64    // not reported yet
	since   time.Time // when the first of them was dropped
	running bool      // the writer exists
	wake    chan struct{}
	waiting bool // the writer waits for wake

	// line is the time since epoch at which the writer began its current line;
	// 0 between lines.
	line atomic.Int64
}

// chunk is a part of a queue: encoded records, and the log of each.
type chunk struct {
	records []byte
	logs    []*Log
}

// epoch is the origin of times on the monotonic clock.
var epoch = time.Now()

func newQueue(limit int) *queue { return &queue{limit: limit} }

// put adds a record whose connection ends now.
func (q *queue) put(l *Log, r *Record, step Step, severity Severity) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.awaitRoom() {
		if q.dropped == 0 {
			q.since = time.Now()
		}
		q.dropped++
		counts.dropped.Add(1)
		return
	}
	c := q.last()
	before := len(c.records)
	c.records, c.logs = appendEntry(c.records, time.Now(), r, step, severity), append(c.logs, l)
	q.size += len(c.records) - before
	q.added++
	q.start()
}

// awaitRoom waits until the queue has room. It returns false if the target has stalled. The caller
// holds the lock, which is released meanwhile.
func (q *queue) awaitRoom() bool {
	for waited := time.Duration(0); q.size >= q.limit; waited += pollInterval {
		if q.stalled || waited >= stallTimeout || q.lineTime() >= stallTimeout {
			q.stalled = true
			return false
		}
		q.mu.Unlock()
		time.Sleep(pollInterval)
		q.mu.Lock()
	}
	return true
}

// mark notes that the writer begins a line.
func (q *queue) mark() { q.line.Store(int64(time.Since(epoch)) | 1) }

// lineTime returns the time since the writer began its current line, 0 between lines.
func (q *queue) lineTime() time.Duration {
	if began := q.line.Load(); began != 0 {
		return time.Since(epoch) - time.Duration(began)
	}
	return 0
}

// last returns the chunk to add a record to. The caller holds the lock.
func (q *queue) last() *chunk {
	if n := len(q.chunks); n > 0 && len(q.chunks[n-1].records) < chunkBytes-512 {
		return q.chunks[n-1]
	}
	c := q.spare
	if q.spare = nil; c == nil {
		c = &chunk{records: make([]byte, 0, chunkBytes)}
	}
	q.chunks = append(q.chunks, c)
	return c
}

// start starts the writer, or wakes it. The caller holds the lock.
func (q *queue) start() {
	switch {
	case !q.running:
		q.running, q.wake = true, make(chan struct{}, 1)
		go q.write(q.wake)
	case q.waiting:
		q.waiting = false
		q.wake <- struct{}{}
	}
}

// write takes chunks and writes their lines, until none comes for a while. It is the writer.
func (q *queue) write(wake <-chan struct{}) {
	for {
		for c := q.take(); c != nil; c = q.take() {
			q.writeLines(c)
			q.done(c)
		}
		time.Sleep(batchPause)
		if !q.await(wake) {
			return
		}
	}
}

// take returns the oldest chunk, or nil if everything is written.
func (q *queue) take() *chunk {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.chunks) == 0 {
		q.chunks = nil
		return nil
	}
	c := q.chunks[0]
	q.chunks[0] = nil
	q.chunks = q.chunks[1:]
	return c
}

// done returns a chunk whose lines are written, and reports dropped records.
func (q *queue) done(c *chunk) {
	log := c.logs[len(c.logs)-1]
	q.mu.Lock()
	q.size -= len(c.records)
	q.written += uint64(len(c.logs))
	counts.written.Add(uint64(len(c.logs)))
	clear(c.logs)
	if c.records, c.logs = c.records[:0], c.logs[:0]; cap(c.records) <= 2*chunkBytes {
		q.spare = c
	}
	all := len(q.chunks) == 0
	if all {
		q.stalled = false
	}
	dropped, since := q.dropped, q.since
	q.mu.Unlock()
	if dropped == 0 || !all && time.Since(since) < reportEvery {
		return
	}
	q.mark()
	log.report(dropped, since)
	q.line.Store(0)
	q.mu.Lock()
	q.dropped, q.since = q.dropped-dropped, time.Now()
	q.mu.Unlock()
}

// await waits for a record. It returns false if none came and the writer must end.
func (q *queue) await(wake <-chan struct{}) bool {
	q.mu.Lock()
	q.waiting = len(q.chunks) == 0
	waits := q.waiting
	q.mu.Unlock()
	if !waits {
		return true
	}
	over := time.NewTimer(writerIdle)
	defer over.Stop()
	select {
	case <-wake:
		return true
	case <-over.C:
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.waiting { // woken at the same time
		<-wake
		return true
	}
	q.waiting, q.running = false, false
	return false
}

// flush waits until everything is written and dropped records are reported. It returns the number
// of records that are not by the deadline.
func (q *queue) flush(deadline time.Time) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		left := q.added - q.written + q.dropped
		if left == 0 || !time.Now().Before(deadline) {
			return int(left)
		}
		q.mu.Unlock()
		time.Sleep(pollInterval)
		q.mu.Lock()
	}
}

// writeLines writes the lines of a chunk.
func (q *queue) writeLines(c *chunk) {
	rest := string(c.records) // a copy, parts of which a log's core may keep
	lines := make([]entry, len(c.logs))
	for i, log := range c.logs {
		lines[i].text, rest = cutEntry(rest)
		lines[i].log = log
		q.mark()
		log.write(&lines[i])
	}
	q.line.Store(0)
}
