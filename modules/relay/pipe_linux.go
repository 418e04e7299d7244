// SPDX-License-Identifier: Apache-2.0

package relay

import (
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

const (
	// smallPipe is the default capacity of a pipe on Linux.
	smallPipe = 64 << 10
	// bigPipe is the capacity for a side whose peer accepts everything: the fewer the calls, the less
	// often the peer wakes up.
	bigPipe = 512 << 10
	// bigPipes bounds the number of big pipes of all shards. If a peer stops accepting, that many
	// bytes remain in one, and Linux allows a user 64 MiB in pipes.
	bigPipes = 32
	// sparePipes bounds the unused pipes of each size that a shard keeps.
	sparePipes = 8
	// pipeShare is the part of the descriptors that pipes may use, at two each.
	pipeShare = 8
	// maxPipes bounds what clients that do not read can hold in the kernel.
	maxPipes = 1024
	// fewDescriptors is the limit of descriptors below which pipes have no part of their own, but
	// fewPipes: connections need the descriptors.
	fewDescriptors = 512
	fewPipes       = 2
)

// pipe is a pipe of the kernel and the number of bytes in it.
type pipe struct {
	r, w int32
	n    int
	big  bool
}

// pipes are a shard's spare pipes. Only its goroutine uses them.
type pipes struct {
	small, big []*pipe
}

// pipeCount and bigPipeCount are the numbers of pipes of all shards.
var pipeCount, bigPipeCount atomic.Int32

// maxPipeCount returns how many pipes the process's limit of descriptors allows.
var maxPipeCount = sync.OnceValue(func() int32 {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil {
		return maxPipes
	}
	if limit.Cur < fewDescriptors {
		return fewPipes
	}
	return int32(min(maxPipes, limit.Cur/(2*pipeShare)))
})

// take returns an empty pipe, a big one if possible, or nil if the limit is reached.
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

// give takes back a pipe. It closes one that is not empty, which cannot be used again.
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

// fill moves up to most bytes that fd has received into the pipe.
func (p *pipe) fill(fd, most int) (int, error) {
	n, err := splice(fd, int(p.w), most)
	p.n += n
	return n, err
}

// drain moves bytes from the pipe to fd, once.
func (p *pipe) drain(fd int) (int, error) {
	n, err := splice(int(p.r), fd, p.n)
	p.n -= n
	return n, err
}
