// A tour of what Curator can do, told as lines of JSON without what differs from server to server (ids, times). Argument: servers. Run against
// two servers, it must tell the same.
import java.util.List;
import java.util.TreeSet;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.api.ACLProvider;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicLong;
import org.apache.curator.framework.recipes.barriers.DistributedBarrier;
import org.apache.curator.framework.recipes.barriers.DistributedDoubleBarrier;
import org.apache.curator.framework.recipes.cache.CuratorCache;
import org.apache.curator.framework.recipes.cache.CuratorCacheListener;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.leader.LeaderSelector;
import org.apache.curator.framework.recipes.leader.LeaderSelectorListenerAdapter;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.framework.recipes.locks.InterProcessReadWriteLock;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreV2;
import org.apache.curator.framework.recipes.locks.Lease;
import org.apache.curator.framework.recipes.nodes.GroupMember;
import org.apache.curator.framework.recipes.nodes.PersistentNode;
import org.apache.curator.framework.recipes.shared.SharedCount;
import org.apache.curator.retry.RetryNTimes;
import org.apache.curator.retry.RetryOneTime;
import org.apache.zookeeper.AddWatchMode;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.ZooDefs;
import org.apache.zookeeper.data.ACL;
import org.apache.zookeeper.data.Stat;

public class CuratorTour {
  /** Against hangs. */
  private static final long WITHIN_S = 60;
  /** How long to try for what is not to be had. */
  private static final long BRIEFLY_MS = 100;

  private final CuratorFramework one;
  private final CuratorFramework two;

  private CuratorTour(String servers) throws Exception {
    one = connected(servers, null);
    two = connected(servers, null);
  }

  public static void main(String[] args) throws Exception {
    CuratorTour tour = new CuratorTour(args[0]);
    tour.nodes();
    tour.transactions();
    tour.rights(args[0]);
    tour.watches();
    tour.locks();
    tour.leaders();
    tour.numbersAndBarriers();
    tour.cachesAndMembers();
    tour.ends();
    tell("done", true);
  }

  private static CuratorFramework connected(String servers, String user) throws Exception {
    CuratorFrameworkFactory.Builder builder =
        CuratorFrameworkFactory.builder()
            .connectString(servers)
            .sessionTimeoutMs(10_000)
            .connectionTimeoutMs(30_000)
            .retryPolicy(new RetryOneTime(100));
    if (user != null) builder.authorization("digest", user.getBytes()).aclProvider(new OwnerOnly());
    CuratorFramework client = builder.build();
    client.start();
    if (!client.blockUntilConnected((int) WITHIN_S, TimeUnit.SECONDS)) throw new IllegalStateException("no connection");
    return client;
  }

  private static class OwnerOnly implements ACLProvider {
    @Override
    public List<ACL> getDefaultAcl() {
      return ZooDefs.Ids.CREATOR_ALL_ACL;
    }

    @Override
    public List<ACL> getAclForPath(String path) {
      return ZooDefs.Ids.CREATOR_ALL_ACL;
    }
  }

  private static void tell(String what, Object value) {
    System.out.println("{\"what\": \"" + what + "\", \"value\": \"" + value + "\"}");
  }

  private interface Call {
    Object run() throws Exception;
  }

  /** Tells what came of it, also when that is an error of ZooKeeper's. */
  private static void attempt(String what, Call call) throws Exception {
    Object value;
    try {
      value = call.run();
    } catch (KeeperException thrown) {
      value = thrown.code();
    }
    tell(what, value);
  }

  private interface Condition {
    boolean holds() throws Exception;
  }

  private static void until(Condition condition) throws Exception {
    long endNs = System.nanoTime() + TimeUnit.SECONDS.toNanos(WITHIN_S);
    while (!condition.holds()) {
      if (System.nanoTime() > endNs) throw new IllegalStateException("waited in vain");
      Thread.sleep(10);
    }
  }

  private static Thread inBackground(Call call) {
    Thread thread =
        new Thread(
            () -> {
              try {
                call.run();
              } catch (Exception thrown) {
                throw new IllegalStateException(thrown);
              }
            });
    thread.setDaemon(true);
    thread.start();
    return thread;
  }

  private void nodes() throws Exception {
    attempt("create", () -> one.create().creatingParentsIfNeeded().forPath("/a/b/c", "x".getBytes()));
    attempt("create again", () -> one.create().forPath("/a"));
    attempt("create or set", () -> one.create().orSetData().forPath("/a", "y".getBytes()));
    attempt("below containers", () -> one.create().creatingParentContainersIfNeeded().forPath("/containers/b/c"));
    attempt("without a parent", () -> one.create().forPath("/none/b"));
    attempt("sequential", () -> one.create().withMode(CreateMode.PERSISTENT_SEQUENTIAL).forPath("/a/s-"));
    attempt(
        "protected",
        () ->
            one.create()
                .withProtection()
                .withMode(CreateMode.EPHEMERAL_SEQUENTIAL)
                .forPath("/a/p-")
                .replaceAll("_c_[0-9a-f-]{36}", "UUID"));
    Stat stat = new Stat();
    attempt("get", () -> new String(one.getData().storingStatIn(stat).forPath("/a")));
    tell("stat", stat.getVersion() + " " + stat.getCversion() + " " + stat.getNumChildren() + " " + stat.getDataLength());
    attempt("set", () -> one.setData().withVersion(1).forPath("/a/b", "z".getBytes()));
    attempt("set by version", () -> one.setData().withVersion(0).forPath("/a/b", "z".getBytes()).getVersion());
    attempt("children", () -> new TreeSet<>(one.getChildren().forPath("/containers")));
    attempt("sync", () -> one.sync().forPath("/a"));
    BlockingQueue<String> heard = new LinkedBlockingQueue<>();
    one.getData().inBackground((client, event) -> heard.add(event.getType() + " " + event.getPath())).forPath("/a");
    tell("in the background", heard.poll(WITHIN_S, TimeUnit.SECONDS));
    attempt("delete what has children", () -> one.delete().forPath("/a"));
    attempt("delete", () -> one.delete().guaranteed().deletingChildrenIfNeeded().forPath("/a"));
    attempt("is gone", () -> two.checkExists().forPath("/a"));
  }

  private void transactions() throws Exception {
    attempt(
        "transaction",
        () ->
            one.transaction()
                .forOperations(
                    one.transactionOp().create().forPath("/t", "1".getBytes()),
                    one.transactionOp().setData().forPath("/t", "2".getBytes()),
                    one.transactionOp().check().withVersion(1).forPath("/t"),
                    one.transactionOp().delete().forPath("/t"))
                .size());
    try {
      one.transaction().forOperations(one.transactionOp().create().forPath("/t"), one.transactionOp().delete().forPath("/none"));
    } catch (KeeperException thrown) {
      tell("transaction that fails", thrown.code() + " in " + thrown.getResults().size());
    }
    attempt("nothing was done", () -> one.checkExists().forPath("/t"));
  }

  private void rights(String servers) throws Exception {
    try (CuratorFramework owner = connected(servers, "bob:secret")) {
      attempt("own", () -> owner.create().forPath("/own", "s".getBytes()));
      attempt("own list", () -> owner.getACL().forPath("/own").get(0).getId().getId());
    }
    attempt("no right to read", () -> one.getData().forPath("/own"));
    attempt("no right to write", () -> one.setData().forPath("/own"));
    try (CuratorFramework owner = connected(servers, "bob:secret")) {
      attempt("reads", () -> new String(owner.getData().forPath("/own")));
    }
  }

  private void watches() throws Exception {
    BlockingQueue<String> heard = new LinkedBlockingQueue<>();
    Watcher watcher = event -> heard.add(event.getType() + " " + event.getPath());
    one.create().forPath("/watched");
    one.getData().usingWatcher(watcher).forPath("/watched");
    two.setData().forPath("/watched", "1".getBytes());
    tell("of one use", heard.poll(WITHIN_S, TimeUnit.SECONDS));
    one.watchers().add().withMode(AddWatchMode.PERSISTENT_RECURSIVE).usingWatcher(watcher).forPath("/watched");
    two.create().forPath("/watched/a");
    tell("recursive", heard.poll(WITHIN_S, TimeUnit.SECONDS));
    two.setData().forPath("/watched/a", "2".getBytes());
    tell("recursive", heard.poll(WITHIN_S, TimeUnit.SECONDS));
    attempt("watches end", () -> one.watchers().removeAll().forPath("/watched"));
    two.delete().forPath("/watched/a");
    CountDownLatch answered = new CountDownLatch(1);
    // Events and answers come in one order, on one thread.
    one.checkExists().inBackground((client, event) -> answered.countDown()).forPath("/watched");
    answered.await();
    tell("told since", heard.stream().filter(line -> line.startsWith("Node")).count());
  }

  private void locks() throws Exception {
    InterProcessMutex mine = new InterProcessMutex(one, "/mutex");
    InterProcessMutex theirs = new InterProcessMutex(two, "/mutex");
    mine.acquire();
    mine.acquire();
    tell("busy lock", theirs.acquire(BRIEFLY_MS, TimeUnit.MILLISECONDS));
    mine.release();
    tell("still busy", theirs.acquire(BRIEFLY_MS, TimeUnit.MILLISECONDS));
    CountDownLatch taken = new CountDownLatch(1);
    Thread waiter =
        inBackground(
            () -> {
              theirs.acquire();
              taken.countDown();
              theirs.release();
              return null;
            });
    until(() -> mine.getParticipantNodes().size() == 2);
    tell("taken before", taken.getCount() == 0L);
    mine.release();
    tell("taken after", taken.await(WITHIN_S, TimeUnit.SECONDS));
    waiter.join();

    InterProcessReadWriteLock left = new InterProcessReadWriteLock(one, "/read-write");
    InterProcessReadWriteLock right = new InterProcessReadWriteLock(two, "/read-write");
    left.readLock().acquire();
    tell("second reader", right.readLock().acquire(WITHIN_S, TimeUnit.SECONDS));
    right.readLock().release();
    tell("writer among readers", right.writeLock().acquire(BRIEFLY_MS, TimeUnit.MILLISECONDS));
    left.readLock().release();
    tell("writer", right.writeLock().acquire(WITHIN_S, TimeUnit.SECONDS));
    right.writeLock().release();

    InterProcessSemaphoreV2 semaphore = new InterProcessSemaphoreV2(one, "/semaphore", 2);
    Lease first = semaphore.acquire();
    new InterProcessSemaphoreV2(two, "/semaphore", 2).acquire();
    tell("third lease", semaphore.acquire(BRIEFLY_MS, TimeUnit.MILLISECONDS) != null);
    semaphore.returnLease(first);
    tell("third lease after", semaphore.acquire(WITHIN_S, TimeUnit.SECONDS) != null);
  }

  private void leaders() throws Exception {
    LeaderLatch first = new LeaderLatch(one, "/latch", "one");
    LeaderLatch second = new LeaderLatch(two, "/latch", "two");
    first.start();
    first.await();
    second.start();
    until(() -> first.getParticipants().size() == 2);
    tell("leader", second.getLeader().getId());
    first.close();
    second.await();
    tell("next leader", second.getLeader().getId());
    second.close();

    CountDownLatch led = new CountDownLatch(1);
    LeaderSelectorListenerAdapter listener =
        new LeaderSelectorListenerAdapter() {
          @Override
          public void takeLeadership(CuratorFramework client) {
            led.countDown();
          }
        };
    LeaderSelector selector = new LeaderSelector(one, "/selector", listener);
    selector.start();
    tell("selected", led.await(WITHIN_S, TimeUnit.SECONDS));
    until(() -> !selector.hasLeadership() && selector.getParticipants().isEmpty());
    selector.close();
  }

  private void numbersAndBarriers() throws Exception {
    DistributedAtomicLong number = new DistributedAtomicLong(one, "/long", new RetryNTimes(3, 10));
    number.increment();
    tell("number", number.add(41L).postValue());
    try (SharedCount count = new SharedCount(one, "/count", 7)) {
      count.start();
      tell("count", count.getCount() + " " + count.trySetCount(8) + " " + count.getCount());
    }
    DistributedBarrier barrier = new DistributedBarrier(one, "/barrier");
    barrier.setBarrier();
    Thread waiter =
        inBackground(
            () -> {
              new DistributedBarrier(two, "/barrier").waitOnBarrier();
              return null;
            });
    barrier.removeBarrier();
    waiter.join(TimeUnit.SECONDS.toMillis(WITHIN_S));
    tell("waits at the barrier", waiter.isAlive());
    DistributedDoubleBarrier here = new DistributedDoubleBarrier(one, "/double-barrier", 2);
    DistributedDoubleBarrier there = new DistributedDoubleBarrier(two, "/double-barrier", 2);
    Thread other =
        inBackground(
            () -> {
              there.enter();
              there.leave();
              return null;
            });
    here.enter();
    here.leave();
    other.join(TimeUnit.SECONDS.toMillis(WITHIN_S));
    tell("waits at the double barrier", other.isAlive());
  }

  private void cachesAndMembers() throws Exception {
    BlockingQueue<String> heard = new LinkedBlockingQueue<>();
    try (CuratorCache cache = CuratorCache.build(one, "/tree")) {
      cache
          .listenable()
          .addListener(
              CuratorCacheListener.builder()
                  .forCreates(node -> heard.add("created " + node.getPath()))
                  .forChanges((before, node) -> heard.add("changed " + node.getPath()))
                  .forDeletes(node -> heard.add("deleted " + node.getPath()))
                  .build());
      two.create().forPath("/tree", "r".getBytes());
      cache.start();
      tell("cache", heard.poll(WITHIN_S, TimeUnit.SECONDS));
      two.create().forPath("/tree/a", "1".getBytes());
      tell("cache", heard.poll(WITHIN_S, TimeUnit.SECONDS));
      two.setData().forPath("/tree/a", "2".getBytes());
      tell("cache", heard.poll(WITHIN_S, TimeUnit.SECONDS));
      two.delete().forPath("/tree/a");
      tell("cache", heard.poll(WITHIN_S, TimeUnit.SECONDS));
    }
    try (PersistentNode node = new PersistentNode(one, CreateMode.EPHEMERAL, false, "/persistent", "v".getBytes())) {
      node.start();
      tell("persistent node", node.waitForInitialCreate(WITHIN_S, TimeUnit.SECONDS));
      two.delete().forPath("/persistent");
      until(() -> two.checkExists().forPath("/persistent") != null);
      tell("made again", true);
    }
    try (GroupMember first = new GroupMember(one, "/group", "one");
        GroupMember second = new GroupMember(two, "/group", "two")) {
      first.start();
      second.start();
      until(() -> first.getCurrentMembers().size() == 2);
      tell("members", new TreeSet<>(first.getCurrentMembers().keySet()));
    }
  }

  private void ends() throws Exception {
    one.create().withMode(CreateMode.EPHEMERAL).forPath("/ephemeral");
    tell("ephemeral", two.checkExists().forPath("/ephemeral") != null);
    one.close();
    tell("after its session", two.checkExists().forPath("/ephemeral") != null);
    two.close();
  }
}
