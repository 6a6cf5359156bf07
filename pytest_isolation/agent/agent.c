/* The agent: runs programs of system calls inside a box and reports what came back.
 *
 * Freestanding C, no libc, no heap: every process of the agent owns one mapping with its
 * buffers.  It knows no check, no verdict and no path; a new probe never needs a new binary.
 * The protocol is described, with the same names, in wire.py.
 *
 * Everything here runs inside the box, so nothing here is trusted by the other side.
 */

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;
typedef long i64;

/* ---- system calls ------------------------------------------------------------------ */

#if defined(__x86_64__)
enum {
	SYS_read = 0, SYS_write = 1, SYS_close = 3, SYS_mmap = 9, SYS_ioctl = 16,
	SYS_dup3 = 292, SYS_sendto = 44, SYS_socketpair = 53, SYS_clone = 56, SYS_exit = 60,
	SYS_fcntl = 72, SYS_prctl = 157, SYS_clock_gettime = 228, SYS_openat = 257,
	SYS_ppoll = 271, SYS_rt_sigaction = 13, SYS_exit_group = 231, SYS_pidfd_open = 434,
	SYS_setuid = 105, SYS_setgid = 106, SYS_setreuid = 113, SYS_setregid = 114, SYS_setresuid = 117,
	SYS_setresgid = 119, SYS_setfsuid = 122, SYS_setfsgid = 123, SYS_capset = 126,
};
static long sys6(long n, long a, long b, long c, long d, long e, long f)
{
	long ret;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	__asm__ volatile("syscall" : "=a"(ret)
			 : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}
__asm__(".globl _start\n_start:\n\txor %rbp,%rbp\n\tmov %rsp,%rdi\n\tand $-16,%rsp\n"
	"\tcall agent_main\n");
#define ARCH 1
#elif defined(__aarch64__)
enum {
	SYS_read = 63, SYS_write = 64, SYS_close = 57, SYS_mmap = 222, SYS_ioctl = 29,
	SYS_dup3 = 24, SYS_sendto = 206, SYS_socketpair = 199, SYS_clone = 220, SYS_exit = 93,
	SYS_fcntl = 25, SYS_prctl = 167, SYS_clock_gettime = 113, SYS_openat = 56,
	SYS_ppoll = 73, SYS_rt_sigaction = 134, SYS_exit_group = 94, SYS_pidfd_open = 434,
	SYS_setuid = 146, SYS_setgid = 144, SYS_setreuid = 145, SYS_setregid = 143, SYS_setresuid = 147,
	SYS_setresgid = 149, SYS_setfsuid = 151, SYS_setfsgid = 152, SYS_capset = 91,
};
static long sys6(long n, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = n;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;
	__asm__ volatile("svc 0" : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return x0;
}
__asm__(".globl _start\n_start:\n\tmov x29, xzr\n\tmov x30, xzr\n\tmov x0, sp\n"
	"\tand sp, x0, #-16\n\tbl agent_main\n");
#define ARCH 2
#else
#error "the agent speaks x86-64 and aarch64"
#endif

#define sys0(n) sys6(n, 0, 0, 0, 0, 0, 0)
#define sys1(n, a) sys6(n, (long)(a), 0, 0, 0, 0, 0)
#define sys2(n, a, b) sys6(n, (long)(a), (long)(b), 0, 0, 0, 0)
#define sys3(n, a, b, c) sys6(n, (long)(a), (long)(b), (long)(c), 0, 0, 0)

/* The compiler may emit calls to these two even in freestanding code. */
void *memcpy(void *to, const void *from, u64 n)
{
	u8 *d = to;
	const u8 *s = from;
	while (n--)
		*d++ = *s++;
	return to;
}
void *memset(void *to, int byte, u64 n)
{
	u8 *d = to;
	while (n--)
		*d++ = (u8)byte;
	return to;
}

/* ---- constants --------------------------------------------------------------------- */

enum {
	EINTR = 4, EAGAIN = 11, EINVAL = 22, ENOENT = 2, EMSGSIZE = 90,
	CLONE_VM = 0x100, CLONE_FILES = 0x400, CLONE_VFORK = 0x4000, CLONE_THREAD = 0x10000,
	SIGCHLD = 17, SIGKILL = 9,
	F_DUPFD_CLOEXEC = 1030,
	MSG_NOSIGNAL = 0x4000,
	POLLIN = 1, POLLHUP = 16,
	PR_SET_PDEATHSIG = 1,
	O_RDWR = 2, O_NOCTTY = 0400,
	TCGETS = 0x5401, TCSETS = 0x5402,
	AT_FDCWD = -100,
};

enum { PROGRAM = 1, REPLY = 2, GONE = 3, HELLO = 4, REFUSED = 5 };
enum { OP_SPAWN = -1, OP_STORE = -2, OP_LOAD = -3, OP_LOOP = -4, OP_DROP = -5, OP_CHANNEL = -6 };
enum { CONST = 0, ARENA = 1, RESULT = 2 };
enum { STOP_ON_ERROR = 1 };

#define VERSION 1
#define DEPTH_MAX 4
#define KIDS_MAX 1024
#define OPS_MAX 4096
#define OUTS_MAX 1024
#define FRAME_MAX (2u << 20)
#define ARENA_MAX (1u << 20)
#define STACK_SIZE (256u << 10)

struct header {
	u32 length;		/* of what follows the header */
	u32 id;
	u8 kind, depth;
	u16 path[DEPTH_MAX];
	u16 reserved;
};
struct op {
	int nr;
	u8 flags, kinds[6], pad[5];
	u64 args[6];
};
struct out {
	u32 offset, length;
	int result;		/* send at most this operation's result; -1: send all */
};
struct kid {
	int fd;
	int pidfd;		/* where the table is shared, its death closes nothing: watch itself; else -1 */
	u16 slot;
};
struct pollfd {
	int fd;
	short events, revents;
};
struct timespec {
	i64 sec, nsec;
};

/* One process of the agent.  `arena` is the only memory a program can name. */
struct self {
	int in, out, kids, mortal;	/* mortal: it dies with its parent */
	struct kid kid[KIDS_MAX];
	struct pollfd polls[2 * KIDS_MAX + 1];
	i64 results[OPS_MAX];
	u32 rounds[OPS_MAX];
	u64 started[OPS_MAX];
	u8 arena[ARENA_MAX] __attribute__((aligned(4096)));
	u8 frame[sizeof(struct header) + FRAME_MAX] __attribute__((aligned(16)));
	u8 reply[sizeof(struct header) + FRAME_MAX] __attribute__((aligned(16)));
};

/* ---- channel ----------------------------------------------------------------------- */

__attribute__((noreturn)) static void die(int code)
{
	for (;;)
		sys1(SYS_exit_group, code);
}

static int read_all(int fd, u8 *to, u64 n)
{
	while (n) {
		i64 got = sys3(SYS_read, fd, to, n);
		if (got == -EINTR || got == -EAGAIN)
			continue;
		if (got <= 0)
			return 0;
		to += got;
		n -= got;
	}
	return 1;
}

static int write_all(int fd, const u8 *from, u64 n, int socket)
{
	while (n) {
		/* A child that died must cost us an error, not a SIGPIPE. */
		i64 put = socket ? sys6(SYS_sendto, fd, (long)from, (long)n, MSG_NOSIGNAL, 0, 0)
				 : sys3(SYS_write, fd, from, n);
		if (put == -EINTR || put == -EAGAIN)
			continue;
		if (put <= 0)
			return 0;
		from += put;
		n -= put;
	}
	return 1;
}

static void send_up(struct self *me, struct header *h)
{
	if (!write_all(me->out, (u8 *)h, sizeof(*h) + h->length, 0))
		die(0);
}

static void send_word(struct self *me, struct header *request, u8 kind, u32 word)
{
	struct {
		struct header h;
		u32 word;
	} frame;
	frame.h = *request;
	frame.h.kind = kind;
	frame.h.depth = 0;
	frame.h.length = 4;
	frame.word = word;
	send_up(me, &frame.h);
}

static void prepend(struct header *h, u16 slot)
{
	for (int i = DEPTH_MAX - 1; i > 0; i--)
		h->path[i] = h->path[i - 1];
	h->path[0] = slot;
	h->depth++;
}

static u64 now_ns(void)
{
	struct timespec t;
	sys2(SYS_clock_gettime, 1, &t);
	return (u64)t.sec * 1000000000ul + (u64)t.nsec;
}

/* ---- children ---------------------------------------------------------------------- */

static void serve(struct self *me) __attribute__((noreturn));

static struct self *new_self(void)
{
	long p = sys6(SYS_mmap, 0, sizeof(struct self), 3 /* RW */, 0x4022 /* PRIVATE|ANON|NORESERVE */, -1, 0);
	return p < 0 && p > -4096 ? (struct self *)0 : (struct self *)p;
}

/* Everything a child needs; in the parent's memory for fork, on the child's stack for CLONE_VM. */
struct birth {
	struct self *parent, *self;
	int fd, up_in, up_out;
	u64 flags;
};

static int high_fd(int fd)
{
	static const int floors[] = { 900, 200, 50, 10 };
	for (int i = 0; i < 4; i++) {
		long high = sys3(SYS_fcntl, fd, F_DUPFD_CLOEXEC, floors[i]);
		if (high >= 0)
			return (int)high;
	}
	return fd;
}

static void die_with_parent(struct self *me)
{
	me->mortal = 1;
	sys2(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL);
}

/* The calls after which the kernel forgets the signal asked for above (commit_creds). */
static int changes_identity(int nr)
{
	return nr == SYS_setuid || nr == SYS_setgid || nr == SYS_setreuid || nr == SYS_setregid ||
	       nr == SYS_setresuid || nr == SYS_setresgid || nr == SYS_setfsuid || nr == SYS_setfsgid ||
	       nr == SYS_capset;
}

__attribute__((noreturn, used)) static void child_main(struct birth *b)
{
	struct self *me = b->self;
	die_with_parent(me);
	if (!(b->flags & CLONE_FILES)) {
		/* Our own table: nothing of the parent's channels may stay open here, or a dead
		 * relative would never be noticed. */
		struct self *parent = b->parent;
		for (int i = 0; i < parent->kids; i++)
			sys1(SYS_close, parent->kid[i].fd);
		sys1(SYS_close, b->up_in);
		if (b->up_out != b->up_in)
			sys1(SYS_close, b->up_out);
	}
	me->in = me->out = b->fd;
	me->kids = 0;
	/* A parent that died before the line above asked for it sends no signal; it has closed its end. */
	struct pollfd up = { b->fd, 0, 0 };
	struct timespec now = { 0, 0 };
	if (sys6(SYS_ppoll, (long)&up, 1, (long)&now, 0, 0, 0) == 1 && up.revents & POLLHUP)
		die(0);
	serve(me);
}

static long clone_with_stack(u64 flags, u8 *top)
{
#if defined(__x86_64__)
	long ret;
	register long r10 __asm__("r10") = 0;
	register long r8 __asm__("r8") = 0;
	__asm__ volatile("syscall\n\ttest %%rax,%%rax\n\tjnz 1f\n\txor %%rbp,%%rbp\n"
			 "\tmov %%rsp,%%rdi\n\tcall child_main\n1:"
			 : "=a"(ret) : "a"((long)SYS_clone), "D"(flags), "S"(top), "d"(0), "r"(r10), "r"(r8)
			 : "rcx", "r11", "memory");
	return ret;
#else
	register long x8 __asm__("x8") = SYS_clone;
	register long x0 __asm__("x0") = (long)flags;
	register long x1 __asm__("x1") = (long)top;
	register long x2 __asm__("x2") = 0;
	register long x3 __asm__("x3") = 0;
	register long x4 __asm__("x4") = 0;
	__asm__ volatile("svc 0\n\tcbnz x0, 1f\n\tmov x29, xzr\n\tmov x0, sp\n\tbl child_main\n1:"
			 : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory", "x30");
	return x0;
#endif
}

static i64 spawn(struct self *me, u64 slot, u64 flags)
{
	int pair[2];
	struct birth b;
	long pid;
	if (me->kids == KIDS_MAX || slot > 65535)
		return -EINVAL;
	/* With a shared address space the parent must run on, or nobody would feed the child. */
	if (flags & CLONE_VFORK)
		return -EINVAL;
	for (int i = 0; i < me->kids; i++)
		if (me->kid[i].slot == slot)
			return -EINVAL;
	long bad = sys6(SYS_socketpair, 1 /* AF_UNIX */, 1 | 02000000 /* STREAM|CLOEXEC */, 0, (long)pair, 0, 0);
	if (bad < 0)
		return bad;
	for (int i = 0; i < 2; i++) {
		int high = high_fd(pair[i]);
		if (high != pair[i])
			sys1(SYS_close, pair[i]);
		pair[i] = high;
	}
	b.parent = me;
	b.self = me;
	b.fd = pair[1];
	b.up_in = me->in;
	b.up_out = me->out;
	b.flags = flags;
	if (!(flags & CLONE_THREAD) && !(flags & 0xff))
		flags |= SIGCHLD;
	if (flags & CLONE_VM) {
		u8 *stack = (u8 *)sys6(SYS_mmap, 0, STACK_SIZE, 3, 0x4022, -1, 0);
		if ((u64)stack > -4096ul || !(b.self = new_self())) {
			sys1(SYS_close, pair[0]);
			sys1(SYS_close, pair[1]);
			return -12;
		}
		struct birth *copy = (struct birth *)(stack + STACK_SIZE - 256);
		*copy = b;
		pid = clone_with_stack(flags, (u8 *)copy);
	} else {
		pid = sys6(SYS_clone, (long)flags, 0, 0, 0, 0, 0);
		if (pid == 0) {
			if (!(flags & CLONE_FILES))
				sys1(SYS_close, pair[0]);
			child_main(&b);
		}
	}
	/* With a shared table the child's end must stay open here too. */
	if (!(flags & CLONE_FILES) || pid < 0)
		sys1(SYS_close, pair[1]);
	if (pid < 0) {
		sys1(SYS_close, pair[0]);
		return pid;
	}
	me->kid[me->kids].fd = pair[0];
	me->kid[me->kids].pidfd = -1;
	if ((flags & CLONE_FILES) && !(flags & CLONE_THREAD)) {
		long pidfd = sys2(SYS_pidfd_open, pid, 0);
		me->kid[me->kids].pidfd = pidfd < 0 ? -1 : high_fd((int)pidfd);
		if (pidfd >= 0 && me->kid[me->kids].pidfd != pidfd)
			sys1(SYS_close, pidfd);
	}
	me->kid[me->kids].slot = (u16)slot;
	me->kids++;
	return pid;
}

static int kid_index(struct self *me, u64 slot)
{
	for (int i = 0; i < me->kids; i++)
		if (me->kid[i].slot == slot)
			return i;
	return -1;
}

static void forget_kid(struct self *me, int i)
{
	sys1(SYS_close, me->kid[i].fd);
	if (me->kid[i].pidfd >= 0)
		sys1(SYS_close, me->kid[i].pidfd);
	me->kid[i] = me->kid[--me->kids];
}

/* ---- programs ---------------------------------------------------------------------- */

static int open_channel(const char *path)
{
	/* termios of the kernel (not libc's): four words, line discipline, 19 characters. */
	struct { u32 iflag, oflag, cflag, lflag; u8 line, cc[19]; } t;
	long fd = sys6(SYS_openat, AT_FDCWD, (long)path, O_RDWR | O_NOCTTY, 0, 0, 0);
	if (fd >= 0 && sys3(SYS_ioctl, fd, TCGETS, &t) == 0) {
		t.iflag = t.oflag = t.lflag = 0;
		t.cc[5] = 0;	/* VTIME */
		t.cc[6] = 1;	/* VMIN */
		sys3(SYS_ioctl, fd, TCSETS, &t);
	}
	return (int)fd;
}

static i64 load(const u8 *from, i64 size)
{
	i64 value = 0;
	u64 width = size < 0 ? (u64)-size : (u64)size;
	if (width > 8)
		return -EINVAL;
	memcpy(&value, from, width);
	return size == -4 ? (int)value : value;	/* a negative width asks for the sign */
}

static i64 pseudo(struct self *me, struct op *op, u64 *a, u32 at, u32 *next)
{
	switch (op->nr) {
	case OP_SPAWN:
		return spawn(me, a[0], a[1]);
	case OP_STORE:
	case OP_LOAD:
		if (a[0] > ARENA_MAX - 8)
			return -EINVAL;
		if (op->nr == OP_LOAD)
			return load(me->arena + a[0], (i64)a[1]);
		if (a[1] > 8)
			return -EINVAL;
		memcpy(me->arena + a[0], &a[2], a[1]);
		return 0;
	case OP_LOOP:
		/* Go back to operation a[0], a[1] times in all, or until a[2] ns have passed. */
		if (a[0] > at)
			return -EINVAL;
		if (!me->rounds[at])
			me->started[at] = now_ns();
		me->rounds[at]++;
		if ((a[1] && me->rounds[at] >= a[1]) || (a[2] && now_ns() - me->started[at] >= a[2]))
			return me->rounds[at];
		*next = (u32)a[0];
		return me->rounds[at];
	case OP_DROP: {
		int i = kid_index(me, a[0]);
		if (i < 0)
			return -ENOENT;
		forget_kid(me, i);
		return 0;
	}
	case OP_CHANNEL:
		/* Answer, and listen, on another descriptor from the next frame on. */
		me->in = me->out = high_fd((int)a[0]);
		return me->in;
	}
	return -EINVAL;
}

static void run(struct self *me, struct header *request)
{
	struct { u16 ops, outs; u32 arena, init; } *shape = (void *)(request + 1);
	u32 length = request->length;
	if (length < sizeof(*shape))
		return send_word(me, request, REFUSED, EMSGSIZE);
	u64 ops_size = (u64)shape->ops * sizeof(struct op), outs_size = (u64)shape->outs * sizeof(struct out);
	if (shape->ops > OPS_MAX || shape->outs > OUTS_MAX || shape->arena > ARENA_MAX ||
	    shape->init > shape->arena || sizeof(*shape) + ops_size + outs_size + shape->init != length)
		return send_word(me, request, REFUSED, EINVAL);
	struct op *ops = (struct op *)(shape + 1);
	struct out *outs = (struct out *)((u8 *)ops + ops_size);
	memcpy(me->arena, (u8 *)outs + outs_size, shape->init);
	memset(me->arena + shape->init, 0, shape->arena - shape->init);

	int saved_in = me->in, saved_out = me->out;
	u32 at = 0, done = 0;
	for (u32 i = 0; i < shape->ops; i++)
		me->rounds[i] = 0;
	while (at < shape->ops) {
		struct op *op = &ops[at];
		u64 a[6];
		u32 next = at + 1;
		for (int i = 0; i < 6; i++) {
			u64 v = op->args[i];
			if (op->kinds[i] == ARENA)
				v = (u64)me->arena + (v <= ARENA_MAX ? v : ARENA_MAX);
			else if (op->kinds[i] == RESULT)
				v = (v & 0xffffffff) < OPS_MAX ? (u64)(me->results[v & 0xffffffff] + ((i64)v >> 32)) : 0;
			a[i] = v;
		}
		i64 r = op->nr >= 0 ? sys6(op->nr, a[0], a[1], a[2], a[3], a[4], a[5])
				    : pseudo(me, op, a, at, &next);
		if (me->mortal && changes_identity(op->nr))
			die_with_parent(me);
		me->results[at] = r;
		if (at + 1 > done)
			done = at + 1;
		if ((op->flags & STOP_ON_ERROR) && r < 0 && r > -4096)
			break;
		at = next;
	}

	struct header *h = (struct header *)me->reply;
	u8 *p = (u8 *)(h + 1), *end = me->reply + sizeof(me->reply);
	*h = *request;
	h->kind = REPLY;
	h->depth = 0;
	memcpy(p, &done, 4);
	p += 4;
	memcpy(p, me->results, done * 8);
	p += done * 8;
	for (u32 i = 0; i < shape->outs; i++) {
		struct out *o = &outs[i];
		u32 n = o->length;
		if (o->result >= 0) {
			i64 r = (u32)o->result < done ? me->results[o->result] : 0;
			n = r <= 0 || r > 0x7fffffff ? 0 : ((u32)r < n ? (u32)r : n);
		}
		if (o->offset > ARENA_MAX || n > ARENA_MAX - o->offset || p + 4 + n > end)
			n = 0;
		memcpy(p, &n, 4);
		memcpy(p + 4, me->arena + o->offset, n);
		p += 4 + n;
	}
	h->length = (u32)(p - (u8 *)(h + 1));
	int new_in = me->in, new_out = me->out;
	me->out = saved_out;
	me->in = saved_in;
	send_up(me, h);
	me->in = new_in;
	me->out = new_out;
}

/* ---- the loop ---------------------------------------------------------------------- */

static void from_above(struct self *me)
{
	struct header *h = (struct header *)me->frame;
	if (!read_all(me->in, me->frame, sizeof(*h)))
		die(0);		/* whoever started us is gone */
	if (h->length > FRAME_MAX || h->depth > DEPTH_MAX)
		die(71);	/* the stream is not ours: nothing after it can be understood */
	if (!read_all(me->in, me->frame + sizeof(*h), h->length))
		die(0);
	if (!h->depth)
		return run(me, h);
	int i = kid_index(me, h->path[0]);
	if (i < 0)
		return send_word(me, h, REFUSED, ENOENT);
	for (int d = 0; d + 1 < DEPTH_MAX; d++)
		h->path[d] = h->path[d + 1];
	h->depth--;
	write_all(me->kid[i].fd, me->frame, sizeof(*h) + h->length, 1);
}

static void from_below(struct self *me, int i, int dead)
{
	struct header *h = (struct header *)me->reply;
	u16 slot = me->kid[i].slot;
	if (dead || !read_all(me->kid[i].fd, me->reply, sizeof(*h)) || h->length > FRAME_MAX ||
	    h->depth >= DEPTH_MAX || !read_all(me->kid[i].fd, me->reply + sizeof(*h), h->length)) {
		struct header gone = { .kind = GONE };
		forget_kid(me, i);
		prepend(&gone, slot);
		return send_up(me, &gone);
	}
	prepend(h, slot);
	send_up(me, h);
}

static void serve(struct self *me)
{
	for (;;) {
		if (me->kids) {
			int kids = me->kids;
			for (int i = 0; i < kids; i++) {
				/* The kernel passes over a descriptor of -1. */
				me->polls[2 * i] = (struct pollfd){ me->kid[i].fd, POLLIN, 0 };
				me->polls[2 * i + 1] = (struct pollfd){ me->kid[i].pidfd, POLLIN, 0 };
			}
			me->polls[2 * kids] = (struct pollfd){ me->in, POLLIN, 0 };
			long n = sys6(SYS_ppoll, (long)me->polls, 2 * kids + 1, 0, 0, 8, 0);
			if (n == -EINTR)
				continue;
			if (n < 0)
				die(72);
			int above = me->polls[2 * kids].revents;
			/* Backwards: a child that is forgotten is replaced by the last. */
			for (int i = kids - 1; i >= 0; i--)
				if (me->polls[2 * i].revents)
					from_below(me, i, 0);
				else if (me->polls[2 * i + 1].revents)
					from_below(me, i, 1);
			if (!above)
				continue;
		}
		from_above(me);
	}
}

/* "pause": the first process of a pod, which does nothing but hold its namespaces.  Who ignores SIGCHLD leaves no
 * zombies (wait(2)): with one pid namespace for all of the pod, it is the parent of the others' orphans. */
static __attribute__((noreturn)) void stay(void)
{
	unsigned long ignore[] = { 1, 0, 0, 0 }; /* struct sigaction of the kernel: SIG_IGN, flags, restorer, mask */
	sys6(SYS_rt_sigaction, SIGCHLD, (long)ignore, 0, 8, 0, 0);
	for (;;)
		sys6(SYS_ppoll, 0, 0, 0, 0, 0, 0);
}

__attribute__((noreturn, used)) void agent_main(long *stack)
{
	long argc = stack[0];
	char **argv = (char **)(stack + 1);
	if (argc > 1 && argv[1][0] == 'p')
		stay();
	struct self *me = new_self();
	if (!me)
		die(70);
	me->in = 0;
	me->out = 1;
	if (argc > 1 && argv[1][0] == '/') {
		/* As init we may be there before the device is: it gets ten seconds. */
		for (int tries = 1000; (me->in = open_channel(argv[1])) < 0; tries--) {
			struct timespec pause = { 0, 10000000 };
			if (!tries)
				die(73);
			sys6(SYS_ppoll, 0, 0, (long)&pause, 0, 0, 0);
		}
		me->out = me->in;
	} else {
		/* "-d": die with the parent.  Not without being asked: the parent of an exec into a
		 * container is a runtime that ends at once, and an init has none to lose. */
		if (argc > 1 && argv[1][0] == '-')
			die_with_parent(me);
		me->in = high_fd(0);
		me->out = high_fd(1);
	}
	struct header hello = { .kind = HELLO };
	send_word(me, &hello, HELLO, VERSION << 16 | ARCH);
	serve(me);
}
