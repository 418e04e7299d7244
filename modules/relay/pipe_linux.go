// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

const (
	// smallPipe is what a pipe of Linux has room for unless told otherwise.
	smallPipe = 64 << 10
	// bigPipe is for a side whose peer takes all there is: the fewer the calls, the
	// less often is the peer woken up.
	bigPipe = 512 << 10
	// bigPipes bounds these, of all shards: should the peer not take any more, that
	// much remains in one; and Linux allows a user 64 MiB of room in pipes.
	bigPipes = 32
	// sparePipes is how many of each a shard keeps that nobody uses.
	sparePipes = 8
	// pipeShare is the part of the descriptors that pipes may have, at two each.
	pipeShare = 8
	// maxPipes bounds what clients who do not read can hold in the kernel.
	maxPipes = 1024
)

// pipe is a pipe of the kernel's and how many bytes are in it.
type pipe struct {
	r, w int32
	n    int
	big  bool
}

// pipes are those that a shard has to spare. Only its own goroutine uses them.
type pipes struct {
	small, big []*pipe
}

// pipeCount and bigPipeCount are how many pipes there are, of all shards.
var pipeCount, bigPipeCount atomic.Int32

// maxPipeCount is how many pipes the process's limit of descriptors allows.
var maxPipeCount = sync.OnceValue(func() int32 {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil {
		return maxPipes
	}
	return int32(max(1, min(maxPipes, limit.Cur/(2*pipeShare))))
})

// take returns an empty pipe, big if there is one to be had, or nil where there
// is none at all.
func (p *pipes) take(big bool) *pipe {
	if big {
		if n := len(p.big); n > 0 {
			taken := p.big[n-1]
			p.big = p.big[:n-1]
			return taken
		}
	}
	if n := len(p.small); n > 0 && (!big || bigPipeCount.Load() >= bigPipes) {
		taken := p.small[n-1]
		p.small = p.small[:n-1]
		return taken
	}
	return newPipe(big)
}

func newPipe(big bool) *pipe {
	if pipeCount.Add(1) > maxPipeCount() {
		pipeCount.Add(-1)
		return nil
	}
	var fds [2]int
	if unix.Pipe2(fds[:], unix.O_CLOEXEC|unix.O_NONBLOCK) != nil {
		pipeCount.Add(-1)
		return nil
	}
	made := &pipe{r: int32(fds[0]), w: int32(fds[1])}
	if big && bigPipeCount.Add(1) <= bigPipes {
		_, err := unix.FcntlInt(uintptr(fds[0]), unix.F_SETPIPE_SZ, bigPipe)
		made.big = err == nil
	}
	if big && !made.big {
		bigPipeCount.Add(-1)
	}
	return made
}

// give takes back a pipe. One that is not empty cannot be used again.
func (p *pipes) give(given *pipe) {
	spare := &p.small
	if given.big {
		spare = &p.big
	}
	if given.n == 0 && len(*spare) < sparePipes {
		*spare = append(*spare, given)
		return
	}
	given.close()
}

func (p *pipe) close() {
	closeFD(int(p.r))
	closeFD(int(p.w))
	pipeCount.Add(-1)
	if p.big {
		bigPipeCount.Add(-1)
	}
}

// fill moves what fd has received into the pipe, up to most bytes.
func (p *pipe) fill(fd, most int) (int, error) {
	n, err := splice(fd, int(p.w), most)
	p.n += n
	return n, err
}

// drain moves what is in the pipe to fd, once.
func (p *pipe) drain(fd int) (int, error) {
	n, err := splice(int(p.r), fd, p.n)
	p.n -= n
	return n, err
}
