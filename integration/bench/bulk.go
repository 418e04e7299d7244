// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	bulkEnv   = "BENCH_BULK" // marks the process that makes bulk traffic
	bulkNice  = 19
	firstEnd  = 3 // descriptor of the first end there
	stopCheck = 100 * time.Millisecond
)

// A bulkProcess makes bulk traffic beside the connections that are measured: this program once
// more, on the load's core, at the lowest priority. In the process that measures, the goroutines
// of bulk traffic, which are always runnable, would keep the measured ones from the network
// poller for up to 10 ms: the faster the proxy, the longer.
//
// It inherits both ends of its connections, those of the server first. It writes a byte when it
// is ready, starts when it reads one, stops at the end of its input, and writes a bulkReport.
type bulkProcess struct {
	command *exec.Cmd
	input   io.WriteCloser
	output  io.ReadCloser
	timeout *time.Timer // kills it
	made    sample      // MiB and errors, after run
}

type bulkReport struct {
	MiB, Errors int // of all clients
	FirstError  string
}

// startBulk opens bulkClients connections and starts a process that is ready to download over
// them. It must be called on the locked thread.
func (l *load) startBulk(ctx context.Context) (*bulkProcess, error) {
	ends, err := l.openBothEnds(ctx)
	defer func() {
		for _, end := range ends {
			end.Close()
		}
	}()
	if err != nil {
		return nil, fmt.Errorf("opening connections for bulk traffic: %w", err)
	}
	p := &bulkProcess{command: exec.Command("/proc/self/exe")} //nolint:noctx // itself; close ends it
	p.command.Env = append(os.Environ(), bulkEnv+"=1")
	p.command.ExtraFiles = ends
	p.command.Stderr = os.Stderr
	// A group of its own, so that the priority of all its threads is set at once.
	p.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	p.input, err = p.command.StdinPipe()
	if err == nil {
		p.output, err = p.command.StdoutPipe()
	}
	if err == nil {
		err = p.command.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("starting the process for bulk traffic: %w", err)
	}
	p.timeout = time.AfterFunc(patience+l.lasting+patience, func() { _ = p.command.Process.Kill() })
	err = unix.Setpriority(unix.PRIO_PGRP, p.command.Process.Pid, bulkNice)
	if err == nil {
		_, err = p.output.Read(make([]byte, 1))
	}
	if err != nil {
		p.close()
		return nil, fmt.Errorf("waiting for the process for bulk traffic: %w", err)
	}
	return p, nil
}

// openBothEnds opens connections and returns the server's ends, then the clients' ends. This
// process has no others and does not poll them.
func (l *load) openBothEnds(ctx context.Context) (ends []*os.File, err error) {
	clients, err := l.open(ctx, kindLent, bulkClients, answerSize)
	if err != nil {
		return nil, err
	}
	defer closeAll(clients)
	for range clients {
		select {
		case end := <-l.server.lent:
			ends = append(ends, end)
		case <-time.After(patience):
			return ends, errors.New("the server has not got all of them")
		}
	}
	for _, c := range clients {
		end, err := duplicate(c.Conn)
		if err != nil {
			return ends, err
		}
		ends = append(ends, end)
	}
	return ends, nil
}

// duplicate returns another descriptor of a TCP connection.
func duplicate(conn net.Conn) (*os.File, error) {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return nil, fmt.Errorf("duplicating a connection: expected TCP, got %T", conn)
	}
	return tcp.File()
}

// run makes the process send and receive until the deadline, and keeps its report.
func (p *bulkProcess) run(until deadline) {
	_, err := p.input.Write([]byte{1})
	for now := time.Now(); err == nil && !until.over(now); now = time.Now() {
		time.Sleep(min(stopCheck, until.end.Sub(now)))
	}
	var report bulkReport
	if err = errors.Join(err, p.input.Close()); err == nil {
		err = json.NewDecoder(p.output).Decode(&report)
	}
	switch p.made = (sample{units: report.MiB, errors: report.Errors}); {
	case err != nil:
		p.made = sample{errors: 1, firstErr: fmt.Errorf("making bulk traffic: %w", err)}
	case report.Errors > 0:
		p.made.firstErr = errors.New(report.FirstError)
	}
}

func (p *bulkProcess) close() {
	p.timeout.Stop()
	_ = p.command.Process.Kill() // it may have ended
	_ = p.command.Wait()         // it was killed
}

// makeBulk runs the process for bulk traffic.
func makeBulk() error {
	runtime.GOMAXPROCS(1)
	clients, err := takeEnds()
	if err != nil {
		return err
	}
	one := make([]byte, 1)
	if _, err := os.Stdout.Write(one); err != nil {
		return fmt.Errorf("reporting that it is ready: %w", err)
	}
	if _, err := os.Stdin.Read(one); err != nil {
		return fmt.Errorf("waiting for the start: %w", err)
	}
	var stopped atomic.Bool
	var all sync.WaitGroup
	for _, c := range clients {
		all.Go(func() { c.download(deadline{time.Now().Add(serverLife), &stopped}) })
	}
	if _, err := os.Stdin.Read(one); !errors.Is(err, io.EOF) {
		return fmt.Errorf("waiting for the end of input: %w", err)
	}
	stopped.Store(true)
	all.Wait() // each finishes its MiB
	if err := writeReport(sum(talliesOf(clients))); err != nil {
		return err
	}
	select {} // until it is killed: closing connections costs the proxy CPU time
}

// takeEnds takes the inherited ends of connections: it sends at those of the server, and returns
// the clients at the others.
func takeEnds() (clients []*client, err error) {
	for i := range 2 * bulkClients {
		file := os.NewFile(uintptr(firstEnd+i), "end")
		conn, err := net.FileConn(file)
		if err != nil {
			return nil, fmt.Errorf("taking a connection: %w", err)
		}
		file.Close()
		if i < bulkClients {
			go push(conn, make([]byte, 1))
		} else {
			clients = append(clients, &client{Conn: conn, buf: make([]byte, bulkSize)})
		}
	}
	return clients, nil
}

// writeReport writes the report of the process for bulk traffic.
func writeReport(total sample) error {
	report := bulkReport{MiB: total.units, Errors: total.errors}
	if total.firstErr != nil {
		report.FirstError = total.firstErr.Error()
	}
	if err := json.NewEncoder(os.Stdout).Encode(report); err != nil {
		return fmt.Errorf("reporting: %w", err)
	}
	return nil
}
