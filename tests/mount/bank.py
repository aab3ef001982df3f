"""The parts of bank.sh that count.
worker MNT DIR NAME tokens|plain: transfers by TransactWriteItems, until DIR/stop is there
judge ACCOUNTS TRANSFERS: items of one moment, as lines: no money is lost or made, each transfer is in it once and whole
replay RECORDS ITEMS [sum]: a stream from its beginning makes the items (in typed JSON), and with "sum" no money is lost or
  made by any of its transactions"""
import json, os, random, sys, time
from decimal import Decimal

ACCOUNTS, OPENING = 100, 1000


def lines(path):
    with open(path) as file:
        return [json.loads(line, parse_float=Decimal) for line in file]


def fail(*words):
    sys.exit("bank: " + " ".join(map(str, words)))


# ---- Transfers by the API ----


class Away(Exception):
    """Nobody knows what became of the request."""


class Worker:
    def __init__(self, mnt, directory, name, tokens):
        self.mnt, self.directory, self.name, self.tokens = mnt, directory, name, tokens
        self.random = random.Random(name + str(time.time_ns()))
        self.acknowledged = open(os.path.join(directory, "acknowledged." + name), "a", buffering=1)
        self.unseen = []  # acknowledged, and not looked for since
        self.counts = dict.fromkeys(("done", "conflicts", "refused", "away", "again"), 0)

    def stopped(self):
        return os.path.exists(os.path.join(self.directory, "stop"))

    def call(self, operation, request):
        data = json.dumps(request).encode()
        try:
            file = os.open("%s/.api/%s" % (self.mnt, operation), os.O_RDWR)
            try:
                while data:
                    data = data[os.write(file, data):]
                response = b""
                while piece := os.read(file, 1 << 16):
                    response += piece
            finally:
                os.close(file)
        except OSError as error:
            raise Away() from error
        if not response:
            raise Away()
        return json.loads(response)

    def until_back(self):
        while not self.stopped():
            try:
                with open(self.mnt + "/.status") as status:
                    json.load(status)
                return
            except (OSError, ValueError):
                time.sleep(0.02)

    def look(self):
        """What was acknowledged is there, whatever died since."""
        for transfer in self.unseen:
            if "Item" not in self.call("GetItem", {"TableName": "Transfers", "Key": {"id": {"S": transfer}}}):
                fail(self.name, "transfer", transfer, "was acknowledged and is gone")
        self.unseen.clear()

    def request(self, transfer):
        source, target = self.random.sample(range(ACCOUNTS), 2)
        amount = self.random.randint(1, 400)
        values = {":a": {"N": str(amount)}, ":t": {"S": transfer}}

        def update(account, sign):
            return {"Update": {
                "TableName": "Accounts", "Key": {"id": {"S": "a%d" % account}},
                "UpdateExpression": "SET balance = balance %s :a, transfer = :t" % sign,
                "ConditionExpression": "balance >= :a" if sign == "-" else "attribute_exists(id)",
                "ExpressionAttributeValues": values}}

        item = {"id": {"S": transfer}, "source": {"S": "a%d" % source}, "target": {"S": "a%d" % target},
                "amount": {"N": str(amount)}}
        request = {"TransactItems": [update(source, "-"), update(target, "+"), {"Put": {
            "TableName": "Transfers", "Item": item, "ConditionExpression": "attribute_not_exists(id)"}}]}
        if self.tokens:
            request["ClientRequestToken"] = transfer
        return request

    def transfer(self, number):
        """One transfer, until it is known to be done, or refused for want of money."""
        transfer = "%s-%d" % (self.name, number)
        request, uncertain = self.request(transfer), False
        while True:
            try:
                answer = self.call("TransactWriteItems", request)
            except Away:
                uncertain = True
                self.counts["away"] += 1
                self.until_back()
                if self.stopped():
                    return
                self.try_to_look()
                continue
            codes = [reason["Code"] for reason in answer.get("CancellationReasons", [])]
            if "__type" not in answer:
                break
            if "TransactionConflict" in codes or "TransactionConflictException" in answer["__type"]:
                self.counts["conflicts"] += 1
                continue
            if codes[2:] == ["ConditionalCheckFailed"] and uncertain and not self.tokens:
                self.counts["again"] += 1
                break
            if codes[:1] == ["ConditionalCheckFailed"] and codes[2] == "None":
                self.counts["refused"] += 1
                return
            fail(self.name, transfer, json.dumps(answer))
        if uncertain and self.tokens:
            self.counts["again"] += 1
        self.counts["done"] += 1
        self.acknowledged.write(transfer + "\n")
        self.unseen.append(transfer)
        if len(self.unseen) > 50:
            self.try_to_look()

    def try_to_look(self):
        try:
            self.look()
        except Away:
            pass

    def run(self):
        number = 0
        while not self.stopped():
            number += 1
            self.transfer(number)
            time.sleep(self.random.random() / 10)  # so that the shell gets its turn
        print(self.name, json.dumps(self.counts))


# ---- What must hold ----


def judge(accounts_path, transfers_path):
    accounts = {account["id"]: account["balance"] for account in lines(accounts_path)}
    transfers = lines(transfers_path)
    expected = {"a%d" % number: OPENING for number in range(ACCOUNTS)}
    for transfer in transfers:
        expected[transfer["source"]] -= transfer["amount"]
        expected[transfer["target"]] += transfer["amount"]
    if sum(accounts.values()) != ACCOUNTS * OPENING:
        fail("the sum is", sum(accounts.values()))
    if min(accounts.values()) < 0:
        fail("a balance is below zero")
    for account in expected:
        if accounts.get(account) != expected[account]:
            fail(account, "has", accounts.get(account), "and", len(transfers), "transfers make", expected[account])


def replay(records_path, items_path, with_sum):
    table, last, total, transfer = {}, -1, 0, None
    key = lambda item: item["id"]["S"]
    for line in lines(records_path):
        record = line["dynamodb"]
        number, old, new = int(record["SequenceNumber"]), record.get("OldImage"), record.get("NewImage")
        if number <= last:
            fail("record", number, "comes behind", last)
        last = number
        if table.get(key(record["Keys"])) != old:
            fail("record", number, "is of", old, "and the table has", table.get(key(record["Keys"])))
        name = "REMOVE" if new is None else "INSERT" if old is None else "MODIFY"
        if line["eventName"] != name or old == new:
            fail("record", number, "is no", line["eventName"])
        if with_sum:
            # Records of a transaction follow one another, and between two of them all money is there.
            this = (new or old).get("transfer")
            if this != transfer and transfer is not None and total != ACCOUNTS * OPENING:
                fail("before record", number, "the sum is", total)
            transfer = this
            total += sum(sign * int(image["balance"]["N"]) for sign, image in ((1, new), (-1, old)) if image)
        if new is None:
            del table[key(record["Keys"])]
        else:
            table[key(new)] = new
    if with_sum and total != ACCOUNTS * OPENING:
        fail("at the end of the stream the sum is", total)
    items = {key(item): item for item in lines(items_path)}
    if items != table:
        different = [name for name in items.keys() | table.keys() if items.get(name) != table.get(name)]
        fail("the stream makes another table:", len(different), "items differ, such as", sorted(different)[:3])


def main(command, *arguments):
    if command == "worker":
        mnt, directory, name, tokens = arguments
        Worker(mnt, directory, name, tokens == "tokens").run()
    elif command == "judge":
        judge(*arguments)
    else:
        replay(arguments[0], arguments[1], arguments[2:] == ("sum",))


main(*sys.argv[1:])
