// Books, pays, collects and cancels with a client whose types are generated from the fleet's description.
//
//     node booking.js URL hold           books while payment does not answer, and prints the booking's id
//     node booking.js URL finish ID      pays for that booking and collects its ticket; books and cancels another one
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

declare const process: { argv: string[]; exitCode: number };

type Book = components["schemas"]["Book"];

const [, , baseUrl = "", command, sent] = process.argv;
const fleet = createClient<paths>({ baseUrl });

function expect<T>(what: string, found: T, expected: T): void {
    if (found !== expected) throw new Error(`${what}: ${JSON.stringify(found)} instead of ${JSON.stringify(expected)}`);
}

/** Repeats `ask` until it returns a value, because events take a moment. */
async function eventually<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
    const deadline = Date.now() + 30_000;
    for (;;) {
        const found = await ask();
        if (found !== undefined) return found;
        if (Date.now() > deadline) throw new Error(`${what} did not happen within 30 s`);
        await new Promise((resolve) => setTimeout(resolve, 100));
    }
}

async function book(order: components["schemas"]["BookRequest"], status: number): Promise<Book> {
    const { data, error, response } = await fleet.POST("/books", { body: order });
    expect(`createBook (${error?.detail ?? ""})`, response.status, status);
    if (data === undefined) throw new Error("no booking");
    return data;
}

async function hold(): Promise<void> {
    const held = await book({ movieName: "soul", qty: 1, totalPrice: 5000, payLater: true }, 202);
    expect("status", held.status, "PaymentPending");
    if (held._links["payment"] === undefined) throw new Error("a held booking has no link to its payment");
    console.log(held.id);
}

async function finish(id: number): Promise<void> {
    const path = { id };
    // Book may be trying to pay at this moment, because the booking has `payLater`.
    const paid = await eventually("the payment", async () => {
        const { data, error, response } = await fleet.POST("/books/{id}/payment", { params: { path } });
        if (response.status === 202 || error?.type === "/problems/request-in-progress") return undefined;
        expect(`payBook (${error?.detail ?? ""})`, response.status, 201);
        return data;
    });
    expect("paid booking", paid.id, id);
    await eventually("the ticket", async () => {
        const { data } = await fleet.GET("/tickets/{id}", { params: { path } });
        return data?.status === "Waiting" ? data : undefined;
    });
    const collected = await fleet.PATCH("/tickets/{id}", { params: { path }, body: { status: "Printed" } });
    expect("collectTicket", collected.data?.status, "Printed");
    const found = await fleet.GET("/tickets/search/findByBookingId", { params: { query: { bookingId: id } } });
    expect("findTicketsByBookingId", found.data?._embedded.tickets.length, 1);
    await eventually("the page", async () => {
        const { data } = await fleet.GET("/mypages/{id}", { params: { path } });
        return data?.status === "Printed" && data.score === 100 ? data : undefined;
    });

    const other = await book({ movieName: "soul", qty: 1, totalPrice: 5000 }, 201);
    await eventually("the cancellation", async () => {
        const canceling = { params: { path: { id: other.id } }, body: { status: "Canceled" } } as const;
        const { data, error, response } = await fleet.PATCH("/books/{id}", canceling);
        if (!response.ok) throw new Error(`cancelBook: ${error?.detail}`);
        return data?.status === "Canceled" ? data : undefined;
    });
    const refused = await fleet.POST("/books", { body: { qty: 0 } });
    expect("invalid field", refused.error?.errors?.[0]?.pointer, "/qty");
    const page = await fleet.GET("/books", { params: { query: { size: 100 } } });
    expect("listBooks", page.data?._embedded.books.some((listed) => listed.id === other.id), true);
    console.log(`TypeScript: booking ${id} was paid and collected, booking ${other.id} was canceled`);
}

if (command === "hold") await hold();
else await finish(Number(sent));
